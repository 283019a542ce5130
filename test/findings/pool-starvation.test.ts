import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import poolStarvation from '../../src/analysis/findings/pool-starvation.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const query = (waitMs: number): Node => ({
  name: 'SELECT 1', layer: 'db', ms: [0, waitMs + 5], attributes: { 'db.system.name': 'postgresql', 'perf.pool.wait_ms': waitMs },
}) // prettier-ignore

describe('pool-starvation', () => {
  it('finds queries that wait for their connection', async () => {
    const findings = await findAll(await recordingOf([20, 40, 60].map(query)), [poolStarvation])
    expect(findings).toMatchObject([{ cost: { calls: 3, total_ms: 120 } }])
    expect(findings[0]?.title).toContain('postgresql connection: 58 ms at p95')
  })

  it('is silent about short waits', async () => {
    expect(await findAll(await recordingOf([0.1, 0.2, 0.3].map(query)), [poolStarvation])).toEqual([])
  })
})
