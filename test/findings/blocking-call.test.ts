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

  it.each([
    ['RegExp.test', 'RegExp.test blocks the event loop for up to 620 ms in GET /report'],
    ['(anonymous)', 'report.js:40 blocks the event loop for up to 620 ms in GET /report'],
  ])('names %s in a function without a name by what it is', async (call, title) => {
    const stall = `INSERT INTO store.stalls (process, thread, start_ns, duration_ns, span_id, call, function, file, line, stack) VALUES (1, 0, 1000000000, 620000000, 1, '${call}', '(anonymous)', '/app/report.js', 40, '')`
    expect(await findAll(await recordingOf([request], { insert: [stall] }), [blockingCall])).toMatchObject([{ title }])
  })

  it('names the statement of an embedded database that held the event loop, once where the stall watch saw it too', async () => {
    const attributes = { 'db.system.name': 'sqlite', 'perf.loop.blocking': true }
    const statements: Node[] = [
      { name: 'select things', layer: 'db', ms: [0, 300], attributes },
      { name: 'select things', layer: 'db', ms: [300, 350], attributes },
      { name: 'select other', layer: 'db', ms: [350, 360], attributes },
    ]
    const stall = `INSERT INTO store.stalls (process, thread, start_ns, duration_ns, span_id, call, function, file, line, stack) SELECT process, thread, start_ns - 4000000, 304000000, 1, 'Statement.all', 'listThings', '/app/report.js', 40, '' FROM store.spans WHERE duration_ns = 300000000`
    expect(await findAll(await recordingOf([{ ...request, children: statements }], { insert: [stall] }), [blockingCall])).toMatchObject([
      {
        severity: 'medium',
        title: 'select things blocks the event loop for up to 300 ms in GET /report',
        cost: { calls: 2, total_ms: 350 },
        evidence: { places: [{ file: '/app/report.js', line: 40 }] },
      },
    ])
  })

  it('is silent without stalls', async () => {
    expect(await findAll(await recordingOf([request]), [blockingCall])).toEqual([])
  })
})
