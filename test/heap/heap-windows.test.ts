// Windows of allocations, taken by command of a process that samples nothing else.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { record } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

/** Keeps nothing of what it allocates. V8 must not put `churn` into its caller, under whose name the samples would be then. */
const APP = `import { existsSync } from 'node:fs'
import { span } from '@perf/agent/api'
function churn() { for (let i = 0; i < 2000; i++) new Array(100).fill(i) }
const timer = setInterval(() => { span('tick', churn); if (existsSync('stop')) clearInterval(timer) }, 2)
setTimeout(() => console.log('free'), 300)
`

interface Top {
  sites: { function: string; file: string | null; bytes: number }[]
}

it.each(['esm', 'cjs'] as const)('count what collections freed meanwhile, and add up (%s)', async (format) => {
  const tops: Top[] = []
  const run = await record({
    format,
    app: APP,
    timeoutMs: 60_000,
    during: async (running) => {
      await waitFor('spans on record', () => running.stdout().includes('free') && existsSync(path.join(running.perfDir, 'sessions')))
      for (let i = 0; i < 2; i++) {
        const { stdout } = await runCli(['profile', '--heap', '--seconds', '1', '--dir', running.perfDir])
        expect(stdout).toMatch(/^allocations of 1 s in heap\//)
        tops.push(JSON.parse((await runCli(['heap', 'top', '--json', '--dir', running.perfDir])).stdout) as Top)
      }
      running.stop()
    },
  })
  expect([run.stderr, run.status]).toEqual(['', 0])
  const [first, both] = tops.map((top) =>
    top.sites.filter((site) => site.file?.startsWith('app.')).reduce((sum, { bytes }) => sum + bytes, 0),
  )
  expect(first).toBeGreaterThan(1e6)
  expect(both).toBeGreaterThan(first ?? 0)
  expect(tops[1]?.sites.map((site) => site.function)).toContain('churn')

  const file = path.join(run.perfDir, 'a.heapprofile')
  expect((await runCli(['heap', 'export', 'profile', file, '--dir', run.perfDir])).code).toBe(0)
  expect(readFileSync(file, 'utf8')).toContain('"churn"')
})
