import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withIdHints } from '../../src/store/id-hints.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

const MS = 1_000_000
let dir: string
let reader: SessionReader
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-query-'))
  const tree = new RecordWriter()
  const span = (spanId: bigint, parentId: bigint, from: number, to: number, name: string): void => {
    tree.span({ spanId, parentId, traceHigh: 5n, traceLow: 5n, startNs: from * MS, endNs: to * MS, name, layer: 'step' })
  }
  span(1n, 0n, 0, 100, 'root')
  span(2n, 1n, 10, 40, 'first')
  span(3n, 1n, 30, 60, 'overlaps first')
  span(4n, 1n, 35, 38, 'inside both')
  span(5n, 1n, 90, 140, 'outlives root')
  span(6n, 2n, 5, 20, 'begins before its parent')
  reader = await openSession(
    readSession(
      await generateSession({ dir, instances: [{ blocks: [tree.block({ seq: 0 }), ...serviceBlocks(50, { seq: 1, startNs: 1e9 })] }] }),
    ),
  )
})
afterAll(() => {
  reader.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('query', () => {
  it('gives JSON values for every SQL type', async () => {
    const [result] =
      await reader.query(`SELECT 1::BIGINT AS small, 9007199254740993::BIGINT AS large, 170141183460469231731687303715884105727::HUGEINT AS huge,
      1.25::DECIMAL(10, 2) AS exact, 0.1::DOUBLE AS double, TIMESTAMP '2026-11-21 10:15:00.5' AS time, DATE '2026-11-21' AS day, [1, 2] AS list, {'a': 1} AS struct,
      '{"a":[1]}'::JSON AS json, ['{"a":1}'::JSON] AS jsons, NULL AS nothing, true AS yes, count(*) AS n FROM spans`)
    expect(result?.rows).toEqual([
      {
        small: 1, large: '9007199254740993', huge: '170141183460469231731687303715884105727', exact: 1.25, double: 0.1, time: '2026-11-21T10:15:00.5Z',
        day: '2026-11-21', list: [1, 2], struct: { a: 1 }, json: { a: [1] }, jsons: [{ a: 1 }], nothing: null, yes: true, n: 406,
      },
    ]) // prettier-ignore
    expect(result?.types).toContain('JSON')
  })

  it('runs several statements and keeps names apart', async () => {
    const results = await reader.query(`SELECT 1 AS a, 2 AS a; SELECT ';' AS semicolon;`)
    expect(results.map((result) => result.rows)).toEqual([[{ a: 1, 'a:1': 2 }], [{ semicolon: ';' }]])
  })

  it("throws DuckDB's own message", async () => {
    await expect(reader.query('SELECT x')).rejects.toMatchObject({
      code: 'QUERY',
      exitCode: 2,
      message: expect.stringMatching(/^Binder Error: Referenced column "x"/) as string,
    })
  })

  it('counts as self time what no child covers', async () => {
    const rows = await reader.rows(
      `SELECT name, self_ms FROM self_times JOIN spans USING (span_key) WHERE layer = 'step' ORDER BY span_key`,
    )
    expect(rows).toEqual([
      { name: 'root', self_ms: 40 },
      { name: 'first', self_ms: 20 },
      { name: 'overlaps first', self_ms: 30 },
      { name: 'inside both', self_ms: 3 },
      { name: 'outlives root', self_ms: 50 },
      { name: 'begins before its parent', self_ms: 15 },
    ])
  })

  it('sums up a trace', async () => {
    expect(
      await reader.rows(
        `SELECT name, duration_ms, spans, errors, status, layers FROM traces WHERE trace_id = '00000000000000050000000000000005'`,
      ),
    ).toEqual([{ name: 'root', duration_ms: 140, spans: 6, errors: 0, status: 'unset', layers: ['step'] }])
  })
})

describe('id hints', () => {
  it.each([
    [
      `SELECT 1 FROM spans WHERE span_id = '00000000000000ff'`,
      `SELECT 1 FROM spans WHERE (span_id = '00000000000000ff' AND span_key IN (255::UBIGINT))`,
    ],
    [
      `x WHERE s.parent_id IN ('00000000000000ff', '0000000000000001') OR y`,
      `x WHERE (s.parent_id IN ('00000000000000ff', '0000000000000001') AND s.parent_key IN (255::UBIGINT, 1::UBIGINT)) OR y`,
    ],
    [
      `NOT trace_id='000000000000000000000000000000ff'`,
      `NOT (trace_id='000000000000000000000000000000ff' AND trace_key IN (255::UHUGEINT))`,
    ],
  ])('%s', (sql, hinted) => expect(withIdHints(sql)).toBe(hinted))

  it.each([
    `SELECT 'span_id = ''00000000000000ff'''`,
    `SELECT 1 -- span_id = '00000000000000ff'`,
    `SELECT 1 /* span_id = '00000000000000ff' */`,
    `WHERE span_id = 'abc'`,
    `WHERE span_id NOT IN ('00000000000000ff')`,
    `WHERE span_id <> '00000000000000ff'`,
    `WHERE my_span_id = '00000000000000ff'`,
    `WHERE "span_id = '00000000000000ff'" = 1`,
    `WHERE linked_span_id = '00000000000000ff'`,
  ])('leave %s alone', (sql) => expect(withIdHints(sql)).toBe(sql))
})
