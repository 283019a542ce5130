// Heap snapshots of worker threads, by command.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { runCli, type CliResult } from '../support/cli.ts'
import { record } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

/** The main thread does not come to its event loop; a worker thread hoards. */
const APP = `import { existsSync } from 'node:fs'
import { Worker, isMainThread } from 'node:worker_threads'
import { span } from '@perf/agent/api'
class Hoard { constructor(i) { this.i = i; this.text = 'canary-' + i } }
const held = []
const hoard = () => { for (let i = 0; i < 50; i++) held.push(new Hoard(held.length)) }
if (isMainThread) {
  new Worker(process.argv[1])
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const wait = async () => { while (!existsSync('block')) await sleep(10); console.log('blocked'); while (!existsSync('stop')); }
  void wait()
} else {
  const timer = setInterval(() => { span('hoard', hoard); if (existsSync('stop')) clearInterval(timer) }, 10)
}
`

it.each(['esm', 'cjs'] as const)('are taken by the thread itself, also while the main thread is blocked (%s)', async (format) => {
  const said: CliResult[] = []
  const run = await record({
    format,
    app: APP,
    timeoutMs: 120_000,
    during: async (running) => {
      const cli = (...args: string[]) => runCli([...args, '--dir', running.perfDir])
      const threads = async () => {
        const { stdout } = await cli('sql', 'SELECT DISTINCT thread FROM spans', '--json')
        return stdout === '' ? [] : (JSON.parse(stdout) as { thread: number }[])
      }
      await waitFor('spans of the worker thread', async () => (await threads()).length === 1)
      const thread = String((await threads())[0]?.thread)
      running.stop('block')
      await waitFor('blocked', () => running.stdout().includes('blocked'))
      for (const id of [thread, thread, '999']) said.push(await cli('snapshot', '--thread', id))
      running.stop()
    },
  })
  expect([run.stdout, run.stderr, run.status]).toEqual(['blocked\n', '', 0])
  const [first, second, unknown] = said
  expect(first?.stderr).toMatch(/^heap \d+ MB: worker thread \d+ will stand still for about [\d.]+ s\n$/)
  for (const { stdout } of [first, second].flatMap((one) => one ?? []))
    expect(stdout).toMatch(/^heap snapshot [0-9a-f]{16}\.\d+-\d{13}\.heapsnapshot\.(zst|gz) \(\d+ MB\), worker thread \d+ stood still for/)
  expect([unknown?.code, unknown?.stderr]).toEqual([
    2,
    expect.stringMatching(/^perf-agent: The app has no worker thread 999; those it has: \d+\.\n$/),
  ])

  const cli = (...args: string[]) => runCli([...args, '--dir', run.perfDir])
  const classes = JSON.parse(
    (await cli('sql', `SELECT thread > 0 AS of_thread, count FROM heap_classes WHERE class = 'Hoard' ORDER BY time`, '--json')).stdout,
  ) as { of_thread: boolean; count: number }[]
  expect(classes.map((row) => row.of_thread)).toEqual([true, true])
  expect(classes[1]?.count).toBeGreaterThan(classes[0]?.count ?? 0)
  expect((await cli('heap')).stdout).toMatch(/^# +taken \(UTC\) +thread +why /m)
  expect((await cli('heap', 'diff', 'first', 'last')).stdout).toMatch(/^Hoard +[\d,]+ +\+[\d,]+ /m)
  expect(textOf(run.sessionDir ?? '')).not.toContain('canary-1')
})

/** What the first snapshot says, as far as this Node can decompress it. */
function textOf(sessionDir: string): string {
  const folder = path.join(sessionDir, 'heap')
  const name = readdirSync(folder).find((file) => file.includes('.heapsnapshot.')) ?? ''
  const bytes = readFileSync(path.join(folder, name))
  return name.endsWith('.gz') ? gunzipSync(bytes).toString('latin1') : bytes.toString('latin1')
}
