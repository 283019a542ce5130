import { createHash } from 'node:crypto'
import { dataState, storeFindings } from '../store/analytics/findings.ts'
import type { SessionReader } from '../store/query.ts'
import { storedBefore } from './compare/earlier-sessions.ts'
import { cacheReport, type CacheReport } from './cache-report.ts'
import { findAll, rankFindings, readsCaches } from './find.ts'
import { findingKinds } from './findings/registry.ts'
import type { Finding } from './finding.ts'

/** Runs the analysis, closes the reader, and puts the result where the view `findings` reads it; does nothing but close when that is up to date. */
export async function refreshFindings(reader: SessionReader): Promise<void> {
  const { session } = reader
  let findings: Finding[]
  let caches: CacheReport[]
  let state: string
  try {
    if ((await storedFindings(reader)) !== undefined) return
    state = await stateOf(reader)
    ;[findings, caches] = await findWithCaches(reader)
  } finally {
    // A database that is open for reading excludes the writer.
    reader.close()
  }
  await storeFindings(
    session,
    findings.map((finding) => ({ ...finding, cost_ms: finding.cost.total_ms, cost_usd: finding.cost.usd, data: finding })),
    state,
    caches,
  )
}

/**
 * All findings, and the summary of the caches, which needs what some of them need: in a large session it would be a third of a report's time.
 * Those come first, so that what they keep in memory is gone for the others.
 */
async function findWithCaches(reader: SessionReader): Promise<[Finding[], CacheReport[]]> {
  const ofCaches = findingKinds.filter(readsCaches)
  return await reader.withKept(['ai_calls'], async () => {
    const [some, caches] = await reader.withKept(['cache_ops'], async () => [
      await findAll(reader, ofCaches),
      await cacheReport(reader, MOST_CACHES),
    ])
    const others = await findAll(
      reader,
      findingKinds.filter((kind) => !ofCaches.includes(kind)),
    )
    return [rankFindings([...some, ...others]), caches]
  })
}

/** More are computed when they are asked for. */
const MOST_CACHES = 200

/** Every finding of the session: those that were stored where nothing has changed since, else the analysis is run. */
export async function findingsOf(reader: SessionReader): Promise<Finding[]> {
  return (await storedFindings(reader)) ?? (await findAll(reader))
}

/** Caches that were read, those that cost the most first: as they were stored with the findings where nothing has changed since. */
export async function cachesOf(reader: SessionReader, limit: number): Promise<CacheReport[]> {
  const [stored] = await reader.rows<{ state: string; caches: CacheReport[] | null }>('SELECT state, caches FROM store.findings_of')
  const isCurrent = stored !== undefined && stored.caches !== null && limit <= MOST_CACHES && stored.state === (await stateOf(reader))
  return isCurrent ? (stored.caches ?? []).slice(0, limit) : await cacheReport(reader, limit)
}

async function storedFindings(reader: SessionReader): Promise<Finding[] | undefined> {
  const [stored] = await reader.rows<{ state: string }>('SELECT state FROM store.findings_of')
  if (stored === undefined || stored.state !== (await stateOf(reader))) return undefined
  const rows = await reader.rows<{ data: Finding }>('SELECT data FROM store.findings ORDER BY position')
  return rows.map(({ data }) => data)
}

/** What the session holds, the sessions it is held against, and the code of the analysis. */
async function stateOf(reader: SessionReader): Promise<string> {
  const [data] = await reader.rows<{ state: string }>(dataState)
  const before = storedBefore(reader.session).map(({ name }) => name)
  return [data?.state ?? '', CODE, ...before].join(' ')
}

declare const __ANALYSIS_HASH__: string | undefined

/** From the build; code that runs from its sources (tests) knows the findings' own text only. */
const CODE = typeof __ANALYSIS_HASH__ === 'string' ? __ANALYSIS_HASH__ : hashOfFindings()

function hashOfFindings(): string {
  const texts = [findAll, ...findingKinds.flatMap(({ sql, read, find }) => [sql, read, find])].map(String)
  return createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16)
}
