// Disks that refuse, fill up or lose what was written: the app does not notice, one line says so, and the counts are exact.
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkDataFile } from '../../src/store/hot/check.ts'
import { asNobody, mountSmall } from '../support/disk.ts'
import { record, type Recorded, type RecordOptions } from '../support/record.ts'

/** `work(n)` makes n spans; `pause(ms)` lets the writer work; `stored(file)` waits for the environment's data file. */
const HEAD = `import { span } from '@perf/agent/api'
import fs from 'node:fs'
import path from 'node:path'
let made = 0
const work = (n) => { for (let i = 0; i < n; i++) span('work', () => i, { n: made++, text: [1, 2, 3, 4, 5].map(() => Math.random()).join() }) }
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const isRecording = Symbol.for('perf.agent.v1') in globalThis
const find = () => {
  try {
    const sessions = path.join(process.env.PERF_DIR, 'sessions')
    for (const name of fs.readdirSync(sessions)) {
      for (const instance of fs.readdirSync(path.join(sessions, name, 'hot'))) {
        const file = path.join(sessions, name, 'hot', instance, 'data.mdb')
        if (instance.endsWith('.lmdb') && fs.existsSync(file)) return file
      }
    }
  } catch {}
}
const stored = async () => { while (isRecording && find() === undefined) await pause(5); return find() }
`
const COLD = `${HEAD}work(100); console.log('made', made); process.exitCode = 3`
const WARM = `${HEAD}const main = async () => { work(100); await pause(400); work(100); console.log('made', made); process.exitCode = 3 }
void main()`

/** Runs it with and without the agent: nothing differs but one line on stderr. */
async function sameButOneLine(options: RecordOptions): Promise<Recorded> {
  const bare = await record({ ...options, agent: 'none' })
  const recorded = await record(options)
  const { status, signal, stdout, timedOut } = bare
  expect(recorded).toMatchObject({ status, signal, stdout, timedOut })
  const lines = recorded.stderr.replace(bare.stderr, '').split('\n').filter(Boolean)
  expect(lines).toEqual([expect.stringMatching(/^\[perf-agent\] .* The app is not affected\.$/)])
  return recorded
}

// How many pages are free decides what stops first: the folder, the lock file, the first pages, the first block.
describe.each([
  ['cold', COLD, [0, 1, 2, 3]],
  ['warm', WARM, [0, 1, 2, 3, 5, 30]],
])('a %s writer', (_, app, freePages) => {
  it('finds a file where its folder should be', async () => {
    await sameButOneLine({ app, prepare: (folder) => writeFileSync(path.join(folder, '.perf'), 'mine') })
  })

  it.each([
    ['may not write its folder', 0o555],
    ['may not even look into its folder', 0o000],
  ])('%s', async (_name, mode) => {
    const prepare = (folder: string): void => {
      chmodSync(folder, 0o755)
      mkdirSync(path.join(folder, '.perf'), { mode })
    }
    const run = await sameButOneLine({ app, prepare, through: asNobody })
    chmodSync(run.perfDir, 0o755)
    expect(readdirSync(run.perfDir)).toEqual([])
  })

  it.for(freePages)('finds a disk with %d free pages', async (pages, { skip }) => {
    const run = await onSmallDisk(1 << 20, { app }, (folder) => {
      writeFileSync(path.join(folder, 'filler'), Buffer.alloc((1 << 20) - pages * 4096))
    })
    if (run === undefined) return skip('no file system can be mounted here: not root')
    expect(run).toMatchObject({ status: 3, signal: null })
    expect(run.stdout).toMatch(/^made \d+\n$/)
    expect(run.stderr).toMatch(/^\[perf-agent\] cannot store the recording in [^\n]*: ENOSPC[^\n]*\n$/)
  })
})

/** Fills the disk, works, and frees it again when `isFreed`. */
const fillUp = (isFreed: boolean): string => `${HEAD}const filler = path.join(process.env.PERF_DIR, 'filler')
const main = async () => {
  work(500)
  await stored()
  await pause(200)
  const fd = fs.openSync(filler, 'w')
  try { for (;;) fs.writeSync(fd, Buffer.alloc(65536)) } catch {}
  for (let i = 0; i < 30; i++) { work(500); await pause(20) }
  fs.closeSync(fd)
  if (${String(isFreed)}) fs.rmSync(filler)
  console.log('made', made)
}
void main()`

describe('a disk that fills up while the app runs', () => {
  it.for([
    ['loses nothing when there is room again before the app ends', true],
    ['counts what it did not take', false],
  ] as const)('%s', async ([, isFreed], { skip }) => {
    const run = await onSmallDisk(4 << 20, { app: fillUp(isFreed) }, () => {})
    if (run === undefined) return skip('no file system can be mounted here: not root')
    expect(run).toMatchObject({ status: 0, stdout: 'made 15500\n' })
    expect(run.stderr).toMatch(/^\[perf-agent\] cannot store the recording in [^\n]*: ENOSPC[^\n]*\n$/)
    const { recorded, lost } = counts(run)
    expect(recorded + lost).toBe(15_500)
    expect(recorded).toBeGreaterThanOrEqual(500)
    if (isFreed) expect(lost).toBe(0)
    expect(run.damage).toBeUndefined()
  })

  it('stops at the size that a file may have, without the signal that would end the app', async () => {
    const app = `${HEAD}const main = async () => {
      for (let i = 0; i < 40; i++) { work(1000); await pause(20) }
      console.log('made', made)
    }
    void main()`
    const run = await record({ app, through: ['prlimit', '--fsize=2000000'] })
    expect(run).toMatchObject({ status: 0, signal: null, stdout: 'made 40000\n' })
    expect(run.stderr).toMatch(/^\[perf-agent\] cannot store the recording in [^\n]*: EFBIG[^\n]*\n$/)
    const { recorded, lost } = counts(run)
    expect(recorded + lost).toBe(40_000)
    expect(recorded).toBeGreaterThan(0)
    expect(damageOf(run)).toBeUndefined()
  })
})

describe('an environment that is damaged while the app runs', () => {
  const damages: Record<string, [code: string, isKept: boolean]> = {
    truncated: [`fs.truncateSync(file, 5000)`, true],
    emptied: [`fs.truncateSync(file, 0)`, true],
    overwritten: [`fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size, 7))`, true],
    replaced: [`fs.copyFileSync(file, file + '.x'); fs.renameSync(file + '.x', file)`, true],
    deleted: [`fs.rmSync(process.env.PERF_DIR, { recursive: true })`, false],
  }
  it.each(Object.entries(damages))('is set aside when it was %s', async (_, [damage, isKept]) => {
    const app = `${HEAD}const main = async () => {
      work(3000)
      const file = await stored()
      await pause(200)
      if (isRecording) { ${damage} }
      work(2000)
      await pause(100)
      work(1000)
      console.log('made', made)
    }
    void main()`
    const run = await sameButOneLine({ app })
    const { recorded, lost } = counts(run)
    expect(recorded + lost).toBe(6000)
    expect(recorded).toBeGreaterThanOrEqual(3000)
    expect(damageOf(run)).toBeUndefined()
    const aside = readdirSync(path.join(run.sessionDir ?? '', 'hot')).filter((name) => name.endsWith('.lmdb.damaged-1'))
    expect(aside).toHaveLength(isKept ? 1 : 0)
  })
})

describe('a wall clock that goes back', () => {
  it('costs no span, no order and no duration', async () => {
    // The redaction module runs in the writer thread, too: there and in the app, the clock is set back by an hour again and again.
    const clock = `const real = Date.now
let calls = 0
Date.now = () => real() - Math.floor(calls++ / 20) * 3_600_000
exports.redact = (text) => text`
    const app = `${HEAD}require('./clock.cjs')
const main = async () => { for (let i = 0; i < 60; i++) { work(50); await pause(10) } console.log('made', made) }
void main()`
    const run = await record({ app, format: 'cjs', files: { 'clock.cjs': clock }, env: { PERF_REDACT: './clock.cjs' } })
    expect(run).toMatchObject({ status: 0, stdout: 'made 3000\n', stderr: '' })
    expect(counts(run)).toEqual({ recorded: 3000, lost: 0 })
    expect(run.spans.map(({ attributes }) => attributes['n'])).toEqual(Array.from({ length: 3000 }, (_, n) => n))
    expect(run.spans.every(({ durationMs }) => durationMs >= 0)).toBe(true)
    expect(run.processes[0]?.end).toMatchObject({ code: 0, reason: 'exit' })
  })
})

/** Runs it with PERF_DIR on a file system of `bytes`; undefined where none can be mounted. */
async function onSmallDisk(
  bytes: number,
  options: RecordOptions,
  fill: (perfDir: string) => void,
): Promise<(Recorded & { damage: string | undefined }) | undefined> {
  let unmount: (() => void) | undefined
  try {
    const run = await record({
      ...options,
      prepare: (folder) => {
        const perfDir = path.join(folder, '.perf')
        mkdirSync(perfDir)
        unmount = mountSmall(perfDir, bytes)
        if (unmount !== undefined) fill(perfDir)
      },
    })
    return unmount === undefined ? undefined : { ...run, damage: run.sessionDir === undefined ? undefined : damageOf(run) }
  } finally {
    unmount?.()
  }
}

function counts(run: Recorded): { recorded: number; lost: number } {
  const lost = run.processes.reduce((sum, process) => sum + (process.lostSpans ?? 0), run.counters['spans_dropped'] ?? 0)
  return { recorded: new Set(run.spans.filter((span) => !span.open).map((span) => span.spanId)).size, lost }
}

function damageOf(run: Recorded): string | undefined {
  const hot = path.join(run.sessionDir ?? '', 'hot')
  for (const name of readdirSync(hot).filter((entry) => entry.endsWith('.lmdb'))) {
    const { problem, damagedKeys } = checkDataFile(path.join(hot, name, 'data.mdb'), true)
    if (problem !== undefined || damagedKeys.size > 0) return problem ?? `${damagedKeys.size} damaged values`
  }
  return undefined
}
