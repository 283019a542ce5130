// A span of weight w stands for w calls: percentiles are those of the session in which every call was kept.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildReport } from '../../src/analysis/report.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { STARTED_AT, generateSession, seeded } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

const KINDS = ['login', 'search', 'ask'] as const

let dir: string
let sampled: SessionReader
let whole: SessionReader
/** Durations in milliseconds and weights of the kept calls, by name. */
const calls = new Map<string, { ms: number; weight: number }[]>()

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-weights-'))
  const random = seeded(3)
  const [few, all] = [new RecordWriter(), new RecordWriter()]
  let id = 1n
  for (let i = 0; i < 240; i++) {
    const name = KINDS[i % KINDS.length] ?? 'login'
    const ms = Math.round(random() ** 3 * 400)
    // Slow ones are kept whole, as tail sampling does.
    const weight = ms > 200 ? 1 : 1 + Math.floor(random() * 9)
    calls.set(name, [...(calls.get(name) ?? []), { ms, weight }])
    const span = { name, layer: 'function', startNs: i * 1e9, endNs: i * 1e9 + ms * 1e6 }
    few.span({ ...span, spanId: id++, traceLow: id, weight })
    for (let k = 0; k < weight; k++) all.span({ ...span, spanId: id++, traceLow: id })
  }
  const open = async (name: string, writer: RecordWriter): Promise<SessionReader> =>
    openSession(
      readSession(
        await generateSession({ dir, name, instances: [{ blocks: [writer.block({ anchor: { monoNs: 0, wallMs: STARTED_AT } })] }] }),
      ),
    )
  sampled = await open('sampled', few)
  whole = await open('whole', all)
})
afterAll(() => {
  sampled.close()
  whole.close()
  rmSync(dir, { recursive: true, force: true })
})

/** Linear between the two nearest of the values, each as often as it happened. */
function truth(name: string, q: number): number {
  const values = (calls.get(name) ?? []).flatMap(({ ms, weight }) => Array.from({ length: weight }, () => ms)).sort((a, b) => a - b)
  const at = (values.length - 1) * q
  const low = values[Math.floor(at)] ?? 0
  return low + ((values[Math.ceil(at)] ?? low) - low) * (at % 1)
}

it('the percentiles of the report are those of all calls', async () => {
  const { names, layers, totals } = await buildReport(sampled)
  expect(names).toHaveLength(KINDS.length)
  for (const { name, p50_ms, p95_ms, p99_ms } of names) {
    expect(p50_ms).toBeCloseTo(truth(name, 0.5), 9)
    expect(p95_ms).toBeCloseTo(truth(name, 0.95), 9)
    expect(p99_ms).toBeCloseTo(truth(name, 0.99), 9)
  }
  const other = await buildReport(whole)
  expect(layers).toEqual(other.layers)
  expect(totals).toMatchObject({ spans: other.totals.spans, traces: other.totals.spans, recorded_spans: 240, recorded_traces: 240 })
  expect(other.totals).toMatchObject({ recorded_spans: other.totals.spans })
})

it('differ from those of the kept calls', async () => {
  const [row] = await sampled.rows<{ plain: number; weighted: number }>(
    `SELECT quantile_cont(duration_ms, 0.95) AS plain, weighted_quantile(duration_ms, weight, 0.95) AS weighted FROM spans WHERE name = 'ask'`,
  )
  expect(row?.weighted).toBeCloseTo(truth('ask', 0.95), 9)
  expect(row?.plain).toBeGreaterThan((row?.weighted ?? 0) + 5)
})

it('leave out what is null, and are null without values', async () => {
  const query = (value: string): string =>
    `SELECT weighted_quantiles(${value}, weight, [0, 0.5, 1]) AS q, weighted_quantile(${value}, weight, 0.5) AS one FROM spans`
  for (const reader of [sampled, whole]) {
    expect(await reader.rows(query('NULL::DOUBLE'))).toEqual([{ q: null, one: null }])
    const [row] = await reader.rows<{ q: number[]; one: number }>(query(`CASE WHEN name = 'ask' THEN duration_ms END`))
    expect(row?.one).toBeCloseTo(truth('ask', 0.5), 9)
    expect(row?.q).toEqual([truth('ask', 0), row?.one, truth('ask', 1)])
  }
})

it('are asked for in one query with others, by groups and sets of groups', async () => {
  const rows = await sampled.rows<{ name: string | null; p90: number }>(
    `SELECT name, weighted_quantile(duration_ms, weight, 0.9) AS p90 FROM spans GROUP BY GROUPING SETS ((name), ()) HAVING weighted_quantile(duration_ms, weight, 0.9) > 0 ORDER BY name NULLS FIRST`,
  )
  expect(rows.map(({ name }) => name)).toEqual([null, 'ask', 'login', 'search'])
  for (const { name, p90 } of rows.slice(1)) expect(p90).toBeCloseTo(truth(name ?? '', 0.9), 9)
})
