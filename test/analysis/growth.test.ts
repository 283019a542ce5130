// Twice the spans, about twice the work: for every query of the report, of the digest and of the findings.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import { findingKinds } from '../../src/analysis/findings/registry.ts'
import { buildReport } from '../../src/analysis/report.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { generateSession } from '../support/generate-session.ts'
import { noting, workOf } from '../support/query-work.ts'
import { scaleBlocks } from '../support/scale-session.ts'

const SPANS = 150_000
const MAX_GROWTH = 2.5
/** Rows below which a query does not depend on the spans. */
const FLOOR = 20_000

// Work is measured, not time: the limits are there for what hangs, on a machine however busy.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 })

let dir: string
let small: SessionReader
let large: SessionReader
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-growth-'))
  const open = async (name: string, spans: number): Promise<SessionReader> =>
    openSession(readSession(await generateSession({ dir, name, instances: [{ blocks: scaleBlocks(spans) }] })))
  small = await open('small', SPANS)
  large = await open('large', 2 * SPANS)
})
afterAll(() => {
  small.close()
  large.close()
  rmSync(dir, { recursive: true, force: true })
})

/** Work of every query, by its beginning, in both sessions. */
async function growth(run: (reader: SessionReader) => Promise<unknown>): Promise<{ query: string; before: number; after: number }[]> {
  const queries = { small: [] as string[], large: [] as string[] }
  await run(noting(small, queries.small))
  await run(noting(large, queries.large))
  const rows: { query: string; before: number; after: number }[] = []
  // A finding that only the larger session has asks once more (where it is in the source): that counts from nothing.
  const left = [...queries.small]
  for (const query of queries.large) {
    const same = left.findIndex((other) => beginning(other) === beginning(query))
    const [before] = same < 0 ? [] : left.splice(same, 1)
    rows.push({
      query: beginning(query),
      before: before === undefined ? 0 : await workOf(small, before),
      after: await workOf(large, query),
    })
  }
  expect(left).toEqual([])
  return rows
}

const beginning = (query: string): string => query.replace(/\s+/g, ' ').slice(0, 120)

const tooMuch = (rows: { before: number; after: number }[]): unknown[] =>
  rows.filter(({ before, after }) => after > FLOOR && after > MAX_GROWTH * before)

describe('with twice the spans', () => {
  it('the measure sees a join that compares everything with everything', async () => {
    const pairs = (rows: number): string =>
      `SELECT count(*) AS n FROM (FROM traces LIMIT ${rows}) a JOIN (FROM traces LIMIT ${rows}) b ON abs(a.duration_ms - b.duration_ms) < 0.000001`
    expect(tooMuch([{ before: await workOf(small, pairs(1000)), after: await workOf(large, pairs(2000)) }])).toHaveLength(1)
  })

  it.each(findingKinds.map(({ kind }) => kind))('%s looks at no more than in proportion', async (name) => {
    const kinds = findingKinds.filter(({ kind }) => kind === name)
    expect(tooMuch(await growth((reader) => findAll(reader, kinds)))).toEqual([])
  })

  it('so does the report', async () => {
    const rows = await growth((reader) => buildReport(reader))
    expect(rows.length).toBeGreaterThan(20)
    expect(tooMuch(rows)).toEqual([])
  })
})
