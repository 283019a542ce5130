import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import gcPressure from '../../src/analysis/findings/gc-pressure.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const request: Node = { name: 'GET /', layer: 'http', ms: [0, 900] }
// The generated process lives for a minute.
const pauses = (n: number): string =>
  `INSERT INTO store.gc SELECT process, 0, 1000000000, 100000000, 'major', 0, 0 FROM store.processes, range(${n})`

describe('gc-pressure', () => {
  it('finds a process that collects garbage much of its time', async () => {
    expect(await findAll(await recordingOf([request], { insert: [pauses(120)] }), [gcPressure])).toMatchObject([
      { severity: 'high', cost: { calls: 120, total_ms: 12_000 }, evidence: { facts: { share: 0.2 } } },
    ])
  })

  it('is silent about a few pauses', async () => {
    expect(await findAll(await recordingOf([request], { insert: [pauses(5)] }), [gcPressure])).toEqual([])
  })
})
