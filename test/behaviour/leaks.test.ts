// pains.md A1–A3, A6: what the agent keeps of requests that are over.
import { expect, it } from 'vitest'
import { record, type Recorded } from '../support/record.ts'

const run = async (measurement: string, agent: 'import' | 'none') => {
  const recorded = await record({
    app: 'test/scenarios/leaks.mjs',
    agent,
    nodeArgs: ['--expose-gc'],
    args: [measurement],
    timeoutMs: 200_000,
  })
  return { ...recorded, result: JSON.parse(recorded.stdout) as Record<string, number> }
}
const serverSpans = (recorded: Recorded) => recorded.spans.filter((span) => span.kind === 'server')

it('keeps at most 1 MB per 100,000 requests over kept connections, 1 % of them never answered', { timeout: 240_000 }, async () => {
  const { result, counters, spans } = await run('retained', 'import')
  expect((counters['spans_written'] ?? 0) + (counters['spans_dropped'] ?? 0)).toBe(120_000)
  expect(spans.filter((span) => span.open)).toEqual([])
  expect(result['bytes']).toBeLessThan(1 << 20)
})

it('lets go of every request, response and error', async () => {
  const recorded = await run('collected', 'import')
  expect(serverSpans(recorded)).toHaveLength(300)
  expect(recorded.result).toEqual({ total: 900, alive: 0 })
})

it('keeps at most 256 bytes for a timer or promise that outlives its request', { timeout: 120_000 }, async () => {
  const recorded = await run('pending', 'import')
  const bare = await run('pending', 'none')
  expect(serverSpans(recorded)).toHaveLength(12_000)
  // A timer and a promise for each of 10,000 requests.
  const perRequest = ((recorded.result['bytes'] ?? 0) - (bare.result['bytes'] ?? 0)) / 10_000
  expect(perRequest).toBeLessThan(2 * 256)
})
