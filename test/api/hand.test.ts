// Everything of `@perf/agent/api` in one program, written in TypeScript as its user would, with the agent and without it.
import { transformSync } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { childrenOf } from '../support/expect-spans.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import type { RecordedSpan } from '../support/read-session.ts'
import { record, type Recorded } from '../support/record.ts'

const SOURCE = `
import { annotate, currentSpan, node, snapshot, span, startSpan, step, tool, track, traced, workflow } from '@perf/agent/api'

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setTimeout(resolve, 1, value))
const out: Record<string, unknown> = {}

class Planner {
  #steps = 2
  @traced()
  async plan(goal: string) { return goal + ' in ' + (await later(this.#steps)) }
  @traced({ layer: 'step', name: 'review plan', attributes: { strict: true } })
  review(plan: string) { return plan.length }
}

const search = tool('search', async function find(query: string, limit = 3) { return [query, await later(limit)] }, { index: 'docs' })
const numbers = tool('numbers', function* (n: number) { for (let i = 0; i < n; i++) yield i })
const ticks = tool('ticks', async function* (n: number) { for (let i = 0; i < n; i++) yield await later(i) })
const double = track({ layer: 'function' }, function twice(n: number) { return n * 2 })
const renamed = track({ layer: 'step', name: 'halve', attributes: { exact: false } }, (n: number) => n / 2)
const failing = tool('failing', async () => { await later(0); throw new RangeError('no such thing') })

async function main() {
  out.workflow = await workflow('answer', async (root) => {
    root.annotate({ user: 'u1' })
    const planned = await step('plan', () => new Planner().plan('tea'))
    const found = await node('retrieve', async () => search(planned))
    annotate({ found: found.length })
    return [planned, found, new Planner().review(planned)]
  }, { kind: 'test' })
  out.sync = span('sync', (s) => (s.annotate({ n: 1 }), 7))
  out.generators = [[...numbers(3)], await Array.fromAsync?.(ticks(2)) ?? await collect(ticks(2))]
  out.tracked = [double(4), renamed(4), double.name, double.length, search.name, search.length]
  out.error = await failing().catch((error) => [error.name, error.message])
  try { span('throws', () => { throw new TypeError('sync') }) } catch (error) { out.thrown = (error as Error).message }
  {
    using block = startSpan('block', { layer: 'step', attributes: { size: 3 } })
    block.annotate({ half: true })
    out.inBlock = block.run(() => span('inside', () => 'in'))
    span('beside', () => 0)
  }
  span('after the block', () => 0)
  const byHand = startSpan('by hand')
  await later(1)
  byHand.end(new Error('given up'))
  byHand.end()
  out.ids = span('ids', (s) => [/^[0-9a-f]{32}$/.test(s.traceId), /^[0-9a-f]{16}$/.test(s.spanId), currentSpan()?.spanId === s.spanId])
  out.none = currentSpan() === undefined
  annotate({ nobody: true })
  const state = snapshot('cart', () => ({ items: 2 }))
  state.take()
  state.stop()
  console.log(JSON.stringify(out))
}

async function collect<T>(items: AsyncIterable<T>) {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
void main()
`

const app = transformSync(SOURCE, { loader: 'ts', format: 'esm', target: 'node20' }).code

describe.each(['esm', 'cjs'] as const)('%s', (format) => {
  let bare: Recorded
  let run: Recorded
  beforeAll(async () => {
    ;[bare, run] = await Promise.all([record({ app, format, agent: 'none' }), record({ app, format })])
  })

  it('gives without the agent what the functions give, and records nothing', () => {
    expect([bare.status, bare.stderr, bare.sessionDir]).toEqual([0, '', undefined])
    expect(JSON.parse(bare.stdout)).toEqual({ ...RESULTS, ids: [false, false, false] })
  })

  it('gives the same with it', () => {
    expect([run.status, run.stderr]).toEqual([0, ''])
    expect(JSON.parse(run.stdout)).toEqual({ ...RESULTS, ids: [true, true, true] })
  })

  it('records one tree for each piece of work', () => {
    const top = run.spans.filter(({ parentId }) => parentId === undefined)
    expect(top.map((span) => treeOf(run.spans, span))).toEqual([
      'workflow answer { step plan { function plan } node retrieve { tool search } step review plan }',
      'function sync',
      'tool numbers',
      'tool ticks',
      'function twice',
      'step halve',
      'tool failing',
      'function throws',
      // A scope is current by itself only where AsyncLocalStorage has one.
      ...(nodeMajor() >= 24 ? ['step block { function inside function beside }'] : ['step block { function inside }', 'function beside']),
      'function after the block',
      'function by hand',
      'function ids',
    ])
  })

  it('records attributes, payloads, errors and states', () => {
    const named = (name: string) => run.spans.find((span) => span.name === name)
    expect(named('answer')?.attributes).toEqual({ kind: 'test', user: 'u1', found: 2 })
    expect(named('search')?.attributes).toMatchObject({ index: 'docs' })
    expect(named('search')?.payloads.map(({ role }) => role)).toEqual(['tool.arguments', 'tool.result'])
    expect(named('sync')?.attributes).toEqual({ n: 1 })
    expect(named('review plan')?.attributes).toEqual({ strict: true })
    expect(named('block')?.attributes).toEqual({ size: 3, half: true })
    for (const [name, type] of [
      ['failing', 'RangeError'],
      ['throws', 'TypeError'],
      ['by hand', 'Error'],
    ])
      // prettier-ignore
      expect(named(name ?? '')).toMatchObject({ status: 'error', open: false, attributes: { 'error.type': type } })
    const errors = run.spans.filter(({ status }) => status === 'error')
    expect(errors).toHaveLength(3)
  })
})

const RESULTS = {
  workflow: ['tea in 2', ['tea in 2', 3], 8],
  sync: 7,
  generators: [
    [0, 1, 2],
    [0, 1],
  ],
  tracked: [8, 2, 'twice', 1, 'find', 1],
  error: ['RangeError', 'no such thing'],
  thrown: 'sync',
  inBlock: 'in',
  none: true,
}

function treeOf(spans: RecordedSpan[], span: RecordedSpan): string {
  const children = childrenOf(spans, span).map((child) => treeOf(spans, child))
  return `${span.layer} ${span.name}${children.length > 0 ? ` { ${children.join(' ')} }` : ''}`
}
