// Deaths that let no code of the app run: what had ended before the writer last looked is stored, and the app dies as it would have.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeMajor } from '../support/node-under-test.ts'
import { record, type Recorded, type RecordOptions } from '../support/record.ts'

/**
 * `work()` ends a span and then writes its number and the time to a file; `warm(then)` works until the writer has stored something
 * several times: opening the store alone changes its file three or four times.
 */
const HEAD = `import { span } from '@perf/agent/api'
import fs from 'node:fs'
import path from 'node:path'
const log = fs.openSync('ended.log', 'a')
let n = 0
const work = () => { span('work', () => n, { n, twice: 2 * n }); fs.writeSync(log, n++ + ' ' + process.hrtime.bigint() + '\\n') }
const isRecording = Symbol.for('perf.agent.v1') in globalThis
const changed = new Set()
const look = () => {
  try {
    const sessions = path.join(process.env.PERF_DIR, 'sessions')
    for (const name of fs.readdirSync(sessions)) {
      for (const instance of fs.readdirSync(path.join(sessions, name, 'hot'))) {
        changed.add(fs.statSync(path.join(sessions, name, 'hot', instance, 'data.mdb')).mtimeMs)
      }
    }
  } catch {}
  return changed.size
}
const warm = (then) => { work(); if (!isRecording || look() > 8) then(); else setTimeout(warm, 5, then) }
`
const SERVING = `warm(() => { setInterval(() => { for (let i = 0; i < 5; i++) work() }, 1); console.log('ready') })`
const BUSY = `warm(() => { console.log('ready'); for (;;) work() })`

interface Death extends Pick<RecordOptions, 'kill' | 'nodeArgs'> {
  code: string
  status?: number
  signal?: NodeJS.Signals
  /** First Node version that has it. */
  since?: number
}

const by = (signal: NodeJS.Signals): Pick<RecordOptions, 'kill'> => ({ kill: { signal, when: 'ready' } })

const DEATHS: Record<string, Death> = {
  'of SIGKILL while it serves': { code: SERVING, ...by('SIGKILL'), signal: 'SIGKILL' },
  'of SIGKILL while it is busy': { code: BUSY, ...by('SIGKILL'), signal: 'SIGKILL' },
  'of SIGTERM by default': { code: SERVING, ...by('SIGTERM'), signal: 'SIGTERM' },
  'of SIGTERM while it is busy': { code: BUSY, ...by('SIGTERM'), signal: 'SIGTERM' },
  'of SIGINT by default': { code: SERVING, ...by('SIGINT'), signal: 'SIGINT' },
  'of Ctrl-C while it is busy': { code: BUSY, ...by('SIGINT'), signal: 'SIGINT' },
  'of SIGHUP': { code: SERVING, ...by('SIGHUP'), signal: 'SIGHUP' },
  'of process.abort()': { code: `warm(() => { for (let i = 0; i < 500; i++) work(); process.abort() })`, signal: 'SIGABRT' },
  'of a heap that is full': {
    code: `warm(() => { const kept = []; for (;;) { work(); kept.push(new Array(20_000).fill(kept.length)) } })`,
    nodeArgs: ['--max-old-space-size=64'],
    signal: 'SIGABRT',
  },
  'of a signal it sends to itself': {
    code: `warm(() => { for (let i = 0; i < 500; i++) work(); process.kill(process.pid, 'SIGKILL') })`,
    signal: 'SIGKILL',
  },
}

describe.each(['esm', 'cjs'] as const)('a program as %s', (format) => {
  it.for(Object.entries(DEATHS))('dies as it would, with all but its last moment on record: %s', async ([, death]) => {
    const run = await bothWays({ app: HEAD + death.code, format, ...death })
    expect({ status: run.status, signal: run.signal }).toEqual({ status: death.status ?? null, signal: death.signal ?? null })
    expectAllButTheLastMoment(run)
    expect(run.processes[0]?.end).toBeUndefined()
  })

  it('keeps every span when it becomes another program (process.execve)', async ({ skip }) => {
    const app = `${HEAD}
if (typeof process.execve !== 'function') { console.log('no execve'); process.exit(0) }
warm(() => { for (let i = 0; i < 500; i++) work(); process.execve('/bin/sh', ['sh', '-c', 'echo another; exit 5'], {}) })`
    const run = await bothWays({ app, format })
    if (run.stdout === 'no execve\n') return skip(`Node ${nodeMajor()} has no process.execve`)
    expect(run).toMatchObject({ status: 5, stdout: 'another\n' })
    const stored = new Set(run.spans.map((span) => span.attributes['n']))
    expect(endedSpans(run).filter(({ n }) => !stored.has(n))).toEqual([])
  })

  it.each([
    ['exits', `process.exit(3)`, 3],
    ['closes and ends by itself', `clearInterval(timer); process.exitCode = 4`, 4],
    ['is called once, then the default', `process.removeAllListeners('SIGTERM'); process.kill(process.pid, 'SIGTERM')`, null],
  ])("leaves SIGTERM to the app's own listener, which %s", async (_, reaction, status) => {
    const app = `${HEAD}
process.once('SIGTERM', () => { work(); console.log('asked to end'); ${reaction} })
const timer = setInterval(() => work(), 1)
warm(() => console.log('ready'))`
    const run = await bothWays({ app, format, ...by('SIGTERM') })
    expect(run).toMatchObject({ status, signal: status === null ? 'SIGTERM' : null, stdout: 'ready\nasked to end\n' })
    if (status === null) return expectAllButTheLastMoment(run)
    const stored = new Set(run.spans.map((span) => span.attributes['n']))
    expect(endedSpans(run).filter(({ n }) => !stored.has(n))).toEqual([])
    expect(run.processes[0]?.end).toMatchObject({ code: status, reason: 'exit' })
  })

  it('lives on when its own listener ignores SIGINT', async () => {
    const app = `${HEAD}
process.on('SIGINT', () => { console.log('not now'); setTimeout(() => { work(); process.exit(6) }, 50) })
const timer = setInterval(() => work(), 1)
warm(() => console.log('ready'))`
    expect(await bothWays({ app, format, ...by('SIGINT') })).toMatchObject({ status: 6, stdout: 'ready\nnot now\n' })
  })
})

/** Runs it without and with the agent: same status, same signal, same output. Without one listener more for any signal. */
async function bothWays(options: RecordOptions): Promise<Recorded> {
  const [bare, recorded] = await Promise.all([record({ ...options, agent: 'none' }), record(options)])
  const { status, signal, stdout, timedOut } = bare
  expect(recorded).toMatchObject({ status, signal, stdout, timedOut: false })
  expect(timedOut).toBe(false)
  expect(recorded.stderr).not.toContain('perf-agent')
  return recorded
}

function endedSpans(run: Recorded): { n: number; ns: number }[] {
  const file = path.join(run.folder, 'ended.log')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map(Number))
    .map(([n = -1, ns = 0]) => ({ n, ns }))
}

/**
 * By the app's own clock: whatever had ended when the writer last looked is stored, in one piece, and the writer had looked not long ago.
 * Its tick is 20 ms; the limit here leaves a loaded machine a hundred times that (bench/kills measures the real loss).
 */
function expectAllButTheLastMoment(run: Recorded): void {
  const ended = endedSpans(run)
  const lastLookNs = run.processes[0]?.beat?.monoNs ?? 0
  const stored = new Map(run.spans.filter((span) => span.name === 'work' && !span.open).map((span) => [span.attributes['n'], span]))
  expect(ended.length).toBeGreaterThan(0)
  expect(ended.filter(({ n, ns }) => ns <= lastLookNs && !stored.has(n))).toEqual([])
  expect([...stored].every(([n, { attributes }]) => attributes['twice'] === 2 * Number(n))).toBe(true)
  expect(((ended.at(-1)?.ns ?? 0) - lastLookNs) / 1e6).toBeLessThan(2000)
}
