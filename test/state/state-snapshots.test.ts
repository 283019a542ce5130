// `snapshot(name, fn)`: the app's own state, taken at once, after spans, every N operations; kept redacted, compared.
import { beforeAll, describe, expect, it } from 'vitest'
import { changesBetween, type StateDiff, type StateSnapshot } from '../../src/analysis/state-diff.ts'
import { runCli } from '../support/cli.ts'
import { record, type Recorded } from '../support/record.ts'

const APP = `
import { snapshot, span } from '@perf/agent/api'
const cart = { items: [], total: 0, user: { name: 'ann', password: 'hunter2' }, draft: true }
let reads = 0
const handle = snapshot('cart', () => { reads++; return span('inside', () => cart) }, { after: 'add' })
for (let i = 0; i < 3; i++) span('add', () => { cart.items.push({ sku: 'a' + i }); cart.total += 10 })
span('other', () => {})
delete cart.draft
cart.status = 'open'
handle.take()
handle.stop()
span('add', () => {})
snapshot('counter', () => reads, { every: 5 })
for (let i = 0; i < 10; i++) span('root ' + i, () => span('child', () => {}))
snapshot('broken', () => { throw new TypeError('not today') })
snapshot('large', () => Array.from({ length: 3000 }, (_, i) => ({ i, text: 'x'.repeat(200) })))
snapshot('later', async () => ({ waited: true }))
snapshot('text', () => 'plain')
snapshot('nothing', () => undefined)
setImmediate(() => process.stdout.write('reads ' + reads))
`

describe.each(['esm', 'cjs'] as const)('snapshots of state (%s)', (format) => {
  let run: Recorded
  let states: StateSnapshot[]
  const cli = (...args: string[]): ReturnType<typeof runCli> => runCli(['snapshot', ...args, '--dir', run.perfDir])
  beforeAll(async () => {
    run = await record({ app: APP, format })
    states = JSON.parse((await cli('list', '--json')).stdout) as StateSnapshot[]
  })
  const of = (name: string): StateSnapshot[] => states.filter((state) => state.name === name)

  it('changes nothing without the agent', async () => {
    const bare = await record({ app: APP, format, agent: 'none' })
    expect(bare).toMatchObject({ status: 0, stderr: '', stdout: 'reads 0' })
    expect(run).toMatchObject({ status: 0, stderr: '', stdout: 'reads 5' })
  })

  it('are taken at once, after named spans and by hand, until stopped', () => {
    expect(of('cart').map(({ reason }) => reason)).toEqual(['call', 'add', 'add', 'add', 'call'])
    const spans = run.spans.filter((span) => span.name === 'add').map((span) => span.spanId)
    expect(of('cart').map((state) => state.span_id)).toEqual([null, ...spans.slice(0, 3), null])
  })

  it('are taken every N operations without a parent', () => {
    expect(of('counter').map(({ reason }) => reason)).toEqual(['call', 'every 5', 'every 5'])
  })

  it('say what the function threw', () => expect(of('broken')).toMatchObject([{ error: 'TypeError: not today' }]))

  it('are cut at a limit, and say so', () => {
    expect(of('large')).toMatchObject([{ truncated: true }])
    expect(of('large')[0]?.bytes).toBeGreaterThan(100_000)
    expect(of('large')[0]?.bytes).toBeLessThan(300_000)
    expect(run.counters['facts_dropped'] ?? 0).toBe(0)
  })

  it('hold what a promise gave, texts, and nothing', async () => {
    const value = async (name: string): Promise<unknown> =>
      (JSON.parse((await cli('show', String(of(name)[0]?.snapshot), '--json')).stdout) as { value: unknown }).value
    expect(await value('later')).toEqual({ waited: true })
    expect(await value('text')).toBe('plain')
    expect(await value('nothing')).toBeNull()
  })

  it('are compared: added, removed, changed; secrets masked', async () => {
    const diff = JSON.parse((await cli('diff', 'cart', '--json')).stdout) as StateDiff
    expect(diff.changes).toEqual([
      { path: '.items[0]', change: 'added', after: { sku: 'a0' } },
      { path: '.items[1]', change: 'added', after: { sku: 'a1' } },
      { path: '.items[2]', change: 'added', after: { sku: 'a2' } },
      { path: '.total', change: 'changed', before: 0, after: 30 },
      { path: '.draft', change: 'removed', before: true },
      { path: '.status', change: 'added', after: 'open' },
    ])
    const [first, second] = of('cart').map(({ snapshot }) => String(snapshot))
    const text = (await cli('diff', first ?? '', second ?? '')).stdout
    expect(text).toMatch(/^cart {2}#\d+ -> #\d+: 1 added, 0 removed, 1 changed\n\+ items\[0\]: \{"sku":"a0"\}\n~ total: 0 -> 10\n$/)
    expect((await cli('show', first ?? '')).stdout).not.toContain('hunter2')
  })

  it.each([
    [['diff', '1'], /no state named '1'/],
    [['diff', '1', '999'], /no state snapshot 999/],
    [['diff', 'broken'], /Give two numbers/],
    [['show', 'x'], /whole number/],
    [['what'], /Use it as/],
  ])('refuses %j in one sentence', async (args, message) => {
    const { code, stderr } = await cli(...args)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

describe('the difference of two states', () => {
  it.each([
    [1, 1, []],
    [null, null, []],
    [1, 2, [{ path: '', change: 'changed', before: 1, after: 2 }]],
    [{ 'a b': 1 }, {}, [{ path: '["a b"]', change: 'removed', before: 1 }]],
    [[1, [2]], [1, [3], null], [{ path: '[1][0]', change: 'changed', before: 2, after: 3 }, { path: '[2]', change: 'added', after: null }]],
    [{ a: [] }, { a: {} }, [{ path: '.a', change: 'changed', before: [], after: {} }]],
    [JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":2}}'), [{ path: '.__proto__.x', change: 'changed', before: 1, after: 2 }]],
  ])('of %j and %j', (before, after, changes) => expect(changesBetween(before, after)).toEqual(changes)) // prettier-ignore
})
