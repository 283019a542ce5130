// More spans in one tick than the ring holds, and the end right behind them: each is stored or counted.
import { expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { accounted, withAndWithout } from '../support/with-and-without.ts'

it.each(['esm', 'cjs'] as const)('accounts for each of 100,000 spans that end in one tick (%s)', async (format) => {
  const run = await withAndWithout({
    app: `import { span } from '@perf/agent/api'\nfor (let i = 0; i < 100_000; i++) span('burst', () => i, { i })\nconsole.log('made')`,
    format,
  })
  const { recorded, dropped } = accounted(run, 'burst')
  const written = run.counters['spans_written'] ?? 0
  expect(written + dropped).toBe(100_000)
  expect(recorded).toBeGreaterThan(1000)
  const { stdout } = await runCli(['sql', '--json', '--dir', run.perfDir, `SELECT value FROM counters WHERE name = 'spans_unstored'`])
  const unstored = (JSON.parse(stdout) as { value: number }[]).reduce((sum, { value }) => sum + value, 0)
  expect(recorded + unstored).toBe(written)
})

it('accounts for each of 100,000 spans that end in one tick of a worker thread', async () => {
  const run = await withAndWithout({
    app: `import { Worker } from 'node:worker_threads'\nnew Worker(new URL('./worker.js', import.meta.url))`,
    files: {
      'worker.js': `import { span } from '@perf/agent/api'\nfor (let i = 0; i < 100_000; i++) span('burst', () => i, { i })`,
    },
  })
  const { recorded, dropped } = accounted(run, 'burst')
  expect(recorded + dropped).toBe(100_000)
})
