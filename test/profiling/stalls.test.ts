// What blocks the event loop is caught while it blocks.
import { describe, expect, it } from 'vitest'
import { readStack } from '../../src/store/codec/stack-text.ts'
import { runCli } from '../support/cli.ts'
import { record, type Recorded, type RecordOptions } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

interface Stall {
  duration_ms: number
  span: string | null
  call: string | null
  function: string | null
  line: number | null
  stack: string | null
}

const PREAMBLE = `import { existsSync } from 'node:fs'
import { execSync } from 'node:child_process'
import { span } from '@perf/agent/api'
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
function burn(ms) { const end = performance.now() + ms; while (performance.now() < end); }
// The writer thread is ready once the first span is stored.
async function ready() { span('first', () => {}); while (!existsSync('.perf/sessions')) await sleep(10); await sleep(300) }
`
const MAIN = `${PREAMBLE}async function main() {
  await ready()
  await span('burner', async () => { await sleep(5); burn(800); await sleep(5) })
  await sleep(200)
  await span('waiter', async () => { await sleep(5); execSync('sleep 0.9'); await sleep(5) })
  await sleep(200)
}
void main()
`

async function stallsOf({ perfDir }: Recorded): Promise<Stall[]> {
  const sql = `SELECT s.duration_ms, p.name AS span, call, function, line, stack FROM stalls s LEFT JOIN spans p USING (span_id) ORDER BY s.start_time`
  const { stdout, stderr } = await runCli(['sql', sql, '--json', '--dir', perfDir])
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Stall[]
}

const recordQuietly = async (options: RecordOptions): Promise<Recorded> => {
  const run = await record({ timeoutMs: 60_000, ...options })
  expect(run.stderr).not.toContain('ebugger')
  return run
}

describe.each(['esm', 'cjs'] as const)('stalls of a program (%s)', (format) => {
  it('have their stack, the synchronous call, the span that was running and the duration', async () => {
    const run = await recordQuietly({ format, app: MAIN })
    expect([run.stdout, run.stderr, run.status]).toEqual(['', '', 0])
    const stalls = await stallsOf(run)
    const burner = stalls.find(({ span }) => span === 'burner')
    expect(burner).toMatchObject({ function: 'burn' })
    expect(burner?.stack).toContain('burn (')
    expect(burner?.stack).not.toContain('perf-agent-stall')
    // Known from the loop's own clock; a busy machine only makes it longer.
    expect(burner?.duration_ms).toBeGreaterThan(700)
    const spans = run.spans.find(({ name }) => name === 'burner')
    expect(burner?.duration_ms).toBeLessThan((spans?.durationMs ?? 0) + 60)
    const waiter = stalls.find(({ call }) => call === 'execSync')
    expect(waiter?.duration_ms).toBeGreaterThan(700)
  })

  it.each([
    ['process.exit in the middle', `span('last', () => { burn(700); process.exit(7) })`, 7],
    ['process.exit right behind it', `span('last', () => burn(700)); process.exit(7)`, 7],
    ['process.exit behind a system call', `span('last', () => execSync('sleep 0.7')); process.exit(7)`, 7],
    ['an error', `span('last', () => burn(700)); throw new Error('dies')`, 1],
  ])('are kept and change nothing when the program ends with %s', async (_how, end, status) => {
    const app = `${PREAMBLE}async function main() { await ready(); ${end} }\nvoid main()`
    const run = await recordQuietly({ format, app })
    expect([run.stdout, run.status]).toEqual(['', status])
    const bare = await recordQuietly({ format, app: app.replace('existsSync(', '!existsSync('), agent: 'none' })
    const text = (stderr: string) => stderr.replace(/file:\S+|\/\S+|v\d+\S+|\s+/g, ' ')
    expect([text(run.stderr), run.status]).toEqual([text(bare.stderr), bare.status])
    // How long it took is exact only where the loop came to tell.
    expect((await stallsOf(run)).length).toBeGreaterThan(0)
  })
})

describe('a stall', () => {
  it('is on disk before it is over', async () => {
    const app = `${PREAMBLE}async function main() { await ready(); span('forever', () => { for (;;); }) }\nvoid main()`
    const during: RecordOptions['during'] = async ({ perfDir, kill }) => {
      await waitFor('the stall', async () => {
        const { stdout } = await runCli(['sql', 'SELECT * FROM stalls WHERE stack IS NOT NULL', '--json', '--dir', perfDir])
        return stdout.startsWith('[{')
      })
      kill('SIGKILL')
    }
    const run = await record({ app, during, timeoutMs: 60_000 })
    expect(run.signal).toBe('SIGKILL')
    expect((await stallsOf(run)).map(({ span }) => span)).toContain('forever')
  })

  it('runs nothing of the app when it is looked at, and leaves Error as it was', async () => {
    const app = `${PREAMBLE}let calls = 0
Error.prepareStackTrace = () => { calls++; return 'theirs' }
Error.stackTraceLimit = 3
async function main() {
  await ready()
  span('burner', () => burn(800))
  await sleep(300)
  console.log(calls, new Error('x').stack, calls, Error.stackTraceLimit, Object.keys(Error).join())
}
void main()`
    const run = await recordQuietly({ app })
    expect([run.stdout, run.stderr, run.status]).toEqual(['0 theirs 1 3 stackTraceLimit\n', '', 0])
    expect((await stallsOf(run)).find(({ span }) => span === 'burner')?.stack).toContain('burn (')
  })

  it('is not looked for with PERF_STALLS=off', async () => {
    const app = `${PREAMBLE}async function main() { await ready(); span('burner', () => burn(700)); await sleep(100) }\nvoid main()`
    const run = await recordQuietly({ app, env: { PERF_STALLS: 'off' } })
    expect(run.status).toBe(0)
    expect(await stallsOf(run)).toEqual([])
  })

  it('counts from the threshold on that was asked for', async () => {
    const app = `${PREAMBLE}async function main() { await ready(); span('some', () => burn(300)); await sleep(300); span('more', () => burn(4000)); await sleep(100) }\nvoid main()`
    const run = await recordQuietly({ app, env: { PERF_STALLS: '1s' } })
    expect((await stallsOf(run)).map(({ span }) => span)).toContain('more')
    expect((await stallsOf(run)).every(({ duration_ms }) => duration_ms >= 1000)).toBe(true)
  })

  it('with a threshold that makes no sense gives one warning and the usual one', async () => {
    const run = await recordQuietly({ app: `console.log('runs')\n`, env: { PERF_STALLS: 'soon' } })
    expect(run.stdout).toBe('runs\n')
    expect(run.stderr).toBe('[perf-agent] PERF_STALLS=soon is not off, on, or a time from 20ms to 60s such as 250ms; using 100ms.\n')
  })
})

describe('a stack', () => {
  it.each([
    [
      '    at burn (file:///app/a%20b.mjs:5:3)\n    at main (file:///app/a.mjs:9:1)',
      null,
      { function: 'burn', file: '/app/a b.mjs', line: 5 },
    ],
    [
      '    at JSON.parse (<anonymous>)\n    at read (/app/read.cjs:7:9)',
      'JSON.parse',
      { function: 'read', file: '/app/read.cjs', line: 7 },
    ],
    [
      '    at Object.spawnSync (node:internal/child_process:1:1)\n    at spawnSync (node:child_process:2:2)\n    at execFileSync (node:child_process:3:3)\n    at /app/x.js:1:2',
      'execFileSync',
      { function: '(anonymous)', file: '/app/x.js', line: 1 },
    ],
    [
      '    at get performance (node:internal:1:1)\n    at burn (C:\\app\\x.js:1:2)',
      null,
      { function: 'burn', file: 'C:\\app\\x.js', line: 1 },
    ],
    ['', null, undefined],
  ])('%j', (text, call, code) => expect(readStack(text)).toEqual({ call, code }))
})
