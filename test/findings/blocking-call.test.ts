import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import blockingCall from '../../src/analysis/findings/blocking-call.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const request: Node = { name: 'GET /report', layer: 'http', ms: [0, 900] }

describe('blocking-call', () => {
  it('names the function that held the event loop and the request it ran in', async () => {
    const stall = `INSERT INTO store.stalls (process, thread, start_ns, duration_ns, span_id, call, function, file, line, stack) VALUES (1, 0, 1000000000, 620000000, 1, 'readFileSync', 'readFileSync', '/app/report.js', 40, '')`
    expect(await findAll(await recordingOf([request], { insert: [stall] }), [blockingCall])).toMatchObject([
      {
        severity: 'high', title: 'readFileSync blocks the event loop for up to 620 ms in GET /report', cost: { calls: 1, total_ms: 620 },
        evidence: { places: [{ file: '/app/report.js', line: 40, function: 'readFileSync' }], traces: [expect.stringMatching(/^[0-9a-f]{32}$/)] },
      },
    ]) // prettier-ignore
  })

  it('is silent without stalls', async () => {
    expect(await findAll(await recordingOf([request]), [blockingCall])).toEqual([])
  })
})
