// Heap snapshots taken in a running program from a thread beside it, on the Node under test.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diffHeaps } from '../../src/analysis/heap-diff.ts'
import type { SnapshotOutcome } from '../../src/profiling/heap-snapshot.ts'
import type { SnapshotPlan } from '../../src/profiling/snapshot-plan.ts'
import { readClassTable } from '../../src/store/heap/class-table.ts'
import { SnapshotGraph } from '../../src/store/heap/snapshot-graph.ts'
import { scanSnapshotFile } from '../../src/store/heap/snapshot-file.ts'
import { nodeBinary } from '../support/node-under-test.ts'
import { agentRoot } from '../support/record.ts'

let dir: string
let taker: string
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-heap-take-'))
  taker = path.join(dir, 'taker.cjs')
  await build({
    entryPoints: [path.join(import.meta.dirname, 'support', 'taker.ts')],
    outfile: taker,
    bundle: true,
    platform: 'node',
    format: 'cjs',
  })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Ran {
  messages: { plan?: SnapshotPlan; outcome?: SnapshotOutcome; level?: string; message?: string }[]
  result: unknown
  stderr: string
  folder: string
}

/** Runs `body` in a program with a taker beside it: `take(reason)`, `messages`, `until(condition)`. */
function runWithTaker(name: string, body: string, options: { keepTexts?: boolean; nodeArgs?: string[] } = {}): Ran {
  const folder = path.join(dir, name)
  mkdirSync(folder)
  const data = {
    sessionDir: folder, instance: '00000000000000aa', workerFile: path.join(agentRoot(), 'dist', 'heap-snapshot-worker.cjs'), redact: [], cwd: dir,
    keepTexts: options.keepTexts ?? false,
  } // prettier-ignore
  const file = path.join(folder, 'program.mjs')
  writeFileSync(
    file,
    `import { Worker } from 'node:worker_threads'
     import v8 from 'node:v8'
     const taker = new Worker(${JSON.stringify(taker)}, { workerData: ${JSON.stringify(data)}, execArgv: [] })
     const messages = []
     taker.on('message', (message) => messages.push(message))
     const until = async (done) => { while (!done()) await new Promise((resolve) => setTimeout(resolve, 5)) }
     const outcomes = () => messages.filter((message) => message.outcome)
     const take = async (reason) => { const before = outcomes().length; taker.postMessage(reason); await until(() => outcomes().length > before) }
     let result
     ${body}
     process.stdout.write(JSON.stringify({ messages, result }))
     process.exit()`,
  )
  const { stdout, stderr, status } = spawnSync(nodeBinary(), [...(options.nodeArgs ?? []), file], { encoding: 'utf8', timeout: 50_000 })
  if (status !== 0) throw new Error(`ended with ${status}: ${stderr}`)
  return { ...(JSON.parse(stdout) as Omit<Ran, 'folder' | 'stderr'>), stderr, folder }
}

const snapshotsOf = ({ folder }: Ran): string[] =>
  readdirSync(path.join(folder, 'heap')).sort().filter((name) => name.includes('.heapsnapshot')).map((name) => path.join(folder, 'heap', name)) // prettier-ignore

const LEAK = `
class Leaky { constructor(i) { this.i = i; this.text = 'canary-text-' + i } }
const held = new Map()
const add = (i) => held.set('k' + i, new Leaky(i))
const timer = setInterval(() => add(held.size), 1e6)
add(0)`

describe('a heap snapshot of a running program', () => {
  let ran: Ran
  beforeAll(() => {
    ran = runWithTaker(
      'leak',
      `${LEAK}
       await take('first')
       for (let i = 1; i <= 1000; i++) add(i)
       await take('second')
       result = v8.queryObjects(Leaky, { format: 'count' })`,
    )
  })

  it('holds what V8 says is there, and what grew between two can be told', async () => {
    expect(ran.result).toBe(1001)
    const [first = '', second = ''] = snapshotsOf(ran)
    expect((await readClassTable(second)).classes.find(({ name }) => name === 'Leaky')?.count).toBe(1001)
    const diff = await diffHeaps(first, second)
    expect(diff.grown.find((change) => change.class === 'Leaky')?.count_change).toBe(1000)
    const steps = diff.held
      .find((entry) => entry.class === 'Leaky')
      ?.path.steps.map(({ how, name, class: label }) => `${how} ${name}: ${label}`)
    expect(steps?.slice(-2)).toEqual(['variable held: Map', 'entry : Leaky'])
  })

  it('is compressed, mode 0600, with its figures beside it, and leaves nothing else', () => {
    const names = readdirSync(path.join(ran.folder, 'heap')).sort()
    expect(names).toHaveLength(4)
    expect(names.join(' ')).toMatch(/^(00000000000000aa-\d{13}\.heapsnapshot\.(zst|gz) ?00000000000000aa-\d{13}\.json ?){2}$/)
    for (const name of names) expect(statSync(path.join(ran.folder, 'heap', name)).mode & 0o777).toBe(0o600)
    const facts = JSON.parse(readFileSync(path.join(ran.folder, 'heap', names[1] ?? ''), 'utf8')) as Record<string, unknown>
    expect(facts).toMatchObject({
      reason: 'first',
      texts: 'left out',
      objects: expect.any(Number) as number,
      pauseMs: expect.any(Number) as number,
    })
  })

  it('tells before what it will cost, and afterwards what it did', () => {
    const kinds = ran.messages.map((message) => (message.plan ? 'plan' : message.outcome ? 'outcome' : message.level))
    expect(kinds).toEqual(['info', 'plan', 'info', 'outcome', 'info', 'plan', 'info', 'outcome'])
    expect(ran.messages[0]?.message).toMatch(/^heap snapshot \(first\): the app stands still for up to [\d.]+ s; \d+ MB of heap$/)
    const plan = ran.messages[1]?.plan
    const [taken, again] = ran.messages.flatMap(({ outcome }) => (outcome?.taken === true ? [outcome] : []))
    // An upper estimate at first; what the first one cost is the estimate of the second.
    expect((plan?.objects ?? 0) * 2).toBeGreaterThan(taken?.objects ?? Infinity)
    expect(Math.abs((ran.messages[5]?.plan?.objects ?? 0) / (again?.objects ?? 0) - 1)).toBeLessThan(0.5)
  })

  it('prints nothing', () => expect(ran.stderr).toBe(''))

  it('holds no text of the app, and still every name', async () => {
    const [, file = ''] = snapshotsOf(ran)
    const texts: string[] = []
    await scanSnapshotFile(file, {
      header: () => {},
      node: () => {},
      wantsString: () => true,
      string: (_index, bytes) => texts.push(Buffer.from(bytes).toString('latin1')),
    })
    expect(texts.filter((text) => text.includes('canary'))).toEqual([])
    expect(texts).toContain('Leaky')
    expect(texts).toContain('held')
    const graph = new SnapshotGraph()
    await scanSnapshotFile(file, graph)
    expect(graph.finish().edgeCount).toBeGreaterThan(10_000)
  })
})

describe('taking a heap snapshot', () => {
  it('keeps texts where that is asked for, redacted', async () => {
    const ran = runWithTaker(
      'texts',
      `globalThis.kept = ['plain-' + process.pid, 'Bearer ' + 'abcdefghijklmnop'.repeat(2)]; await take('texts')`,
      { keepTexts: true },
    )
    const texts: string[] = []
    const [file = ''] = snapshotsOf(ran)
    await scanSnapshotFile(file, {
      header: () => {},
      node: () => {},
      wantsString: () => true,
      string: (_i, bytes) => texts.push(Buffer.from(bytes).toString('latin1')),
    })
    expect(texts.some((text) => /plain-\d+/.test(text))).toBe(true)
    expect(texts.filter((text) => text.includes('abcdefghijklmnopabcdefghijklmnop'))).toEqual([])
  })

  it('works while the main thread is stuck in a loop', () => {
    const ran = runWithTaker(
      'stuck',
      `import fs from 'node:fs'
       taker.postMessage('stuck')
       const folder = ${JSON.stringify(path.join(dir, 'stuck', 'heap'))}
       const there = () => fs.existsSync(folder) && fs.readdirSync(folder).some((name) => /heapsnapshot\\.(zst|gz)$/.test(name))
       while (!there()) {}
       await until(() => outcomes().length === 1)`,
    )
    expect(ran.messages.at(-1)?.outcome).toMatchObject({ taken: true })
  })

  it('takes one at a time', () => {
    const ran = runWithTaker('twice', `taker.postMessage('a'); taker.postMessage('b'); await until(() => outcomes().length === 2)`)
    const outcomes = ran.messages.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]))
    expect(outcomes[0]).toEqual({ taken: false, why: 'another heap snapshot is being taken' })
    expect(outcomes[1]).toMatchObject({ taken: true })
  })

  it('gives the reason when the folder cannot be written', () => {
    const folder = path.join(dir, 'nowhere')
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'x'), '')
    const ran = runWithTaker(
      'blocked',
      `import fs from 'node:fs'; fs.writeFileSync(${JSON.stringify(path.join(dir, 'blocked', 'heap'))}, ''); await take('a')`,
    )
    expect(ran.messages.at(-1)?.outcome).toMatchObject({ taken: false, why: expect.stringMatching(/EEXIST|ENOTDIR/) as string })
  })
})
