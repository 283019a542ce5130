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

  it('measures waits that are spans of their own by the queries around them', async () => {
    const at = { 'db.system.name': 'postgresql', 'server.address': 'db' }
    const wait: Node = { name: 'pool.connect', layer: 'db', ms: [0, 50], attributes: { ...at, 'perf.pool.wait_ms': 50 } }
    const run = (ms: number): Node => ({ name: 'SELECT 1', layer: 'db', ms: [50, 50 + ms], attributes: at })
    expect(await findAll(await recordingOf([wait, run(50)]), [poolStarvation])).toMatchObject([
      { cost: { calls: 1, total_ms: 50 }, title: expect.stringContaining('50 % of their time') as string },
    ])
    expect(await findAll(await recordingOf([wait, run(500)]), [poolStarvation])).toEqual([])
  })

  it('is silent about short waits', async () => {
    expect(await findAll(await recordingOf([0.1, 0.2, 0.3].map(query)), [poolStarvation])).toEqual([])
  })
})
