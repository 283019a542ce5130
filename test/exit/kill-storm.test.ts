// SIGKILL at random moments, under load, of four processes that share a session: every store opens, no span is half there.
// PERF_TEST_KILLS=200 for more than the few that a test run makes; PERF_TEST_SEED to repeat one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { syncSession } from '../../src/store/analytics/sync.ts'
import { checkDataFile } from '../../src/store/hot/check.ts'
import { openHot } from '../../src/store/hot/read.ts'
import { readSession as describeSession } from '../../src/store/session.ts'
import { openSession } from '../../src/store/query.ts'
import { seeded } from '../support/generate-session.ts'
import { nodeBinary, nodeVersion } from '../support/node-under-test.ts'
import { readSession } from '../support/read-session.ts'
import { agentRoot } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

const KILLS = Number(process.env['PERF_TEST_KILLS'] ?? 24)
const SEED = Number(process.env['PERF_TEST_SEED'] ?? 1)
const AT_ONCE = 4
/** From the first span of a process: some die while their writer starts, most after it has committed for a while. */
const MOST_MS = 900

/** Main thread and worker end spans as fast as they can, in bursts; each notes what has ended, and when. */
const APP = `import { span } from '@perf/agent/api'
import fs from 'node:fs'
import { isMainThread, threadId, Worker } from 'node:worker_threads'
if (isMainThread) new Worker(new URL(import.meta.url))
const log = fs.openSync('ended.' + process.pid + '.' + threadId + '.log', 'a')
let n = 0
const burst = () => {
  for (let i = 0; i < 20; i++) span('outer', () => span('inner', () => i, { pid: process.pid, thread: threadId, n: ++n, twice: 2 * n, text: 'some text '.repeat(n % 30) }))
  fs.writeSync(log, n + ' ' + process.hrtime.bigint() + '\\n')
  setTimeout(burst, 2)
}
burst()
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'perf-storm-'))
  mkdirSync(path.join(folder, 'node_modules', '@perf'), { recursive: true })
  symlinkSync(agentRoot(), path.join(folder, 'node_modules', '@perf', 'agent'), 'dir')
  writeFileSync(path.join(folder, 'package.json'), '{"name":"storm","type":"module"}')
  writeFileSync(path.join(folder, 'app.js'), APP)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Outcome {
  kills: number
  spans: number
  /** Killed before anything was committed. */
  cold: number
  /** Time between the last look of the writer and the last span that ended, ms. */
  lossesMs: number[]
}

it(`survives ${KILLS} kills`, { timeout: 60_000 + KILLS * 5000 }, async () => {
  const random = seeded(SEED)
  const outcome: Outcome = { kills: 0, spans: 0, cold: 0, lossesMs: [] }
  while (outcome.kills < KILLS) await round(random, outcome)
  const losses = outcome.lossesMs.toSorted((a, b) => a - b)
  const at = (share: number): string => (losses[Math.min(losses.length - 1, Math.floor(losses.length * share))] ?? 0).toFixed(1)
  console.log(
    `Node ${nodeVersion()}, seed ${SEED}: ${outcome.kills} kills, ${outcome.cold} before the first commit, ${outcome.spans} spans read back; ` +
      `unseen by the writer at death: median ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms`,
  )
  expect(outcome.cold).toBeLessThan(outcome.kills)
})

/** Starts four processes in one session, kills each at its moment and checks what is left. */
async function round(random: () => number, outcome: Outcome): Promise<void> {
  const name = `round-${outcome.kills}`
  const cwd = path.join(folder, name)
  mkdirSync(cwd)
  cpSync(path.join(folder, 'app.js'), path.join(cwd, 'app.js'))
  writeFileSync(path.join(cwd, 'package.json'), '{"name":"storm","type":"module"}')
  const sessionDir = path.join(cwd, '.perf', 'sessions', name)
  const register = pathToFileURL(path.join(agentRoot(), 'dist', 'register.js')).href
  const pids = await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const killAfterMs = random() * MOST_MS
      const child = spawn(nodeBinary(), ['--import', register, 'app.js'], {
        cwd,
        env: { PATH: process.env['PATH'], PERF_DIR: path.join(cwd, '.perf'), PERF_SESSION: sessionDir },
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      const ended = once(child, 'exit')
      await waitFor('the first spans', () => existsSync(path.join(cwd, `ended.${child.pid}.0.log`)))
      await sleep(killAfterMs)
      child.kill('SIGKILL')
      expect(await ended).toEqual([null, 'SIGKILL'])
      return child.pid
    }),
  )
  outcome.kills += pids.length
  if (!existsSync(path.join(sessionDir, 'hot'))) return void (outcome.cold += pids.length)
  await dropUnbegun(path.join(sessionDir, 'hot'))
  // Throws for a store that does not open, a block that does not decode, a record that is cut.
  const recording = readSession(sessionDir)
  const inner = recording.spans.filter((span) => span.name === 'inner' && !span.open)
  expect(
    inner.filter(({ attributes: { n, twice, text } }) => twice !== 2 * Number(n) || text !== 'some text '.repeat(Number(n) % 30)),
  ).toEqual([])
  expect(recording.spans.filter((span) => !['inner', 'outer'].includes(span.name) || !(span.open || span.durationMs >= 0))).toEqual([])
  outcome.cold += pids.length - recording.processes.length
  for (const { pid, beat } of recording.processes) {
    const stored = new Set(
      inner.filter(({ attributes }) => attributes['pid'] === pid && attributes['thread'] === 0).map(({ attributes }) => attributes['n']),
    )
    const bursts = readBursts(path.join(cwd, `ended.${pid}.0.log`))
    const seen = bursts.findLast(({ ns }) => ns <= (beat?.monoNs ?? 0))
    for (let n = 1; n <= (seen?.n ?? 0); n++)
      if (!stored.has(n)) throw new Error(`process ${pid}: span ${n} of ${seen?.n} that the writer had seen is not stored`)
    if (beat !== undefined && seen !== undefined) outcome.lossesMs.push(Math.max(0, ((bursts.at(-1)?.ns ?? 0) - beat.monoNs) / 1e6))
  }
  await expectInSql(sessionDir, recording.spans.length)
  outcome.spans += recording.spans.length
  rmSync(cwd, { recursive: true, force: true })
}

/** Removes environments whose process died before its first commit; all others must be sound to the last page. */
async function dropUnbegun(hot: string): Promise<void> {
  for (const name of readdirSync(hot).filter((entry) => entry.endsWith('.lmdb'))) {
    const environment = path.join(hot, name)
    const file = path.join(environment, 'data.mdb')
    if (existsSync(file) && statSync(file).size > 0) {
      expect(checkDataFile(file, true)).toEqual({ problem: undefined, damagedKeys: new Set() })
      const result = openHot(environment)
      if (result.state === 'damaged') throw new Error(result.reason)
      const isBegun = result.hot.process() !== undefined
      expect(isBegun || result.hot.threads().length === 0).toBe(true)
      await result.hot.close()
      if (isBegun) continue
    }
    rmSync(environment, { recursive: true })
  }
}

function readBursts(file: string): { n: number; ns: number }[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => line.split(' ').map(Number)).map(([n = 0, ns = 0]) => ({ n, ns }))
}

async function expectInSql(sessionDir: string, spans: number): Promise<void> {
  const session = describeSession(sessionDir)
  const { problems } = await syncSession(session)
  expect(problems).toEqual([])
  const reader = await openSession(session, { sync: false })
  try {
    expect(await reader.rows('SELECT count(*) AS n FROM spans')).toEqual([{ n: spans }])
  } finally {
    reader.close()
  }
}
