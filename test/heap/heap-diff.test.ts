import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diffHeaps, type HeapDiff } from '../../src/analysis/heap-diff.ts'
import { runCli } from '../support/cli.ts'
import { LEAKING, retainedByJson, runProgram } from './snapshots.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-heap-diff-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const way = (diff: HeapDiff, name: string): string[] | undefined =>
  diff.held.find((entry) => entry.class === name)?.path.steps.map((step) => `${step.how} ${step.name}: ${step.class}`)

describe('heap diff', () => {
  it('names what grew, by how much, and the variable that holds it', async () => {
    expect(runProgram(dir, LEAKING)).toBe(1001)
    const diff = await diffHeaps(path.join(dir, 'before.heapsnapshot'), path.join(dir, 'after.heapsnapshot'))
    expect(diff.grown.find((change) => change.class === 'Leaky')).toMatchObject({
      count_before: 1,
      count_after: 1001,
      count_change: 1000,
      is_new: false,
    })
    expect(diff.held[0]?.class).toBe('Leaky')
    expect(way(diff, 'Leaky')?.slice(-2)).toEqual(['variable held: Map', 'entry : Leaky'])
    expect(diff.held[0]?.path).toMatchObject({ objects: diff.held[0]?.path.looked })
  })

  it('says what the class retains, as a second implementation finds it', async () => {
    const files = [path.join(dir, 'before.heapsnapshot'), path.join(dir, 'after.heapsnapshot')] as const
    const diff = await diffHeaps(...files)
    const retained = diff.held.find((entry) => entry.class === 'Leaky')?.retained_bytes ?? 0
    expect(retained).toBe(retainedByJson(files[1], 'Leaky'))
    expect(retained).toBeGreaterThan(diff.grown.find((change) => change.class === 'Leaky')?.bytes_after ?? Infinity)
  })

  it('prints it for a person, and as JSON', async () => {
    const files = [path.join(dir, 'before.heapsnapshot'), path.join(dir, 'after.heapsnapshot')]
    const { stdout, code } = await runCli(['heap', 'diff', ...files])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Leaky +1,001 +\+1,000 /m)
    expect(stdout).toMatch(
      /What holds Leaky \([\d.]+ [KM]B retained; all \d+ looked at\)\n[^]*variable held -> Map\n +\[entry\] -> Leaky\n/,
    )
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    const json = JSON.parse((await runCli(['heap', 'diff', ...files, '--json'])).stdout) as HeapDiff
    expect(json.grown.find((change) => change.class === 'Leaky')?.count_change).toBe(1000)
  })

  const PLACES = `
import v8 from 'node:v8'
import { EventEmitter } from 'node:events'
class InArray {}; class InGlobal {}; class InStatic { static all = [] }; class InListener {}; class InService {}; class Linked { constructor(next) { this.next = next } }
export const list = []
globalThis.myCache = {}
const bus = new EventEmitter().setMaxListeners(0)
class Service { sessions = new Map(); handle(i) { this.sessions.set(i, { user: new InService() }) } }
const service = new Service()
let chain
function grow() {
  for (let i = 0; i < 300; i++) {
    list.push(new InArray()); myCache['c' + i] = new InGlobal(); InStatic.all.push(new InStatic()); service.handle(i); chain = new Linked(chain)
    const listened = new InListener(); bus.on('tick', function onTick() { return listened })
  }
}
process.on('exit', () => { bus.emit('tick'); grow(); return chain })
setImmediate(() => { v8.writeHeapSnapshot(process.argv[2] + '/places-0.heapsnapshot'); setImmediate(() => {
  grow(); v8.writeHeapSnapshot(process.argv[2] + '/places-1.heapsnapshot'); process.reallyExit(0) }) })
`
  it('finds what grows in arrays, globals, statics, listeners, services and lists', async () => {
    runProgram(dir, PLACES)
    const found: Record<string, string> = {}
    // Three ways at most are shown: each class is looked for with the others hidden behind it.
    const diff = await diffHeaps(path.join(dir, 'places-0.heapsnapshot'), path.join(dir, 'places-1.heapsnapshot'), { maxHeld: 20 })
    for (const { class: name } of diff.held) found[name] = way(diff, name)?.join(' | ') ?? ''
    expect(found['InArray']).toMatch(/(variable (list|exported by a module)): Array \| element : InArray$/)
    expect(found['InGlobal']).toMatch(/property myCache: Object \| property \*: InGlobal$/)
    expect(found['InStatic']).toMatch(/property all: Array \| element : InStatic$/)
    expect(found['InListener']).toMatch(/property tick: Array \| element : function onTick \| variable (listened)?: InListener$/)
    expect(found['InService']).toMatch(/: Service \| property sessions: Map \| entry : Object \| property user: InService$/)
    expect(found['Linked']).toMatch(/variable chain: Linked( \| property next: Linked)?$/)
  })
})
