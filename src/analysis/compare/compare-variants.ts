import { adjustComparisons, compareSamples, type CompareOptions, type SampleComparison } from '../statistics/compare-samples.ts'
import type { SyncOptions } from '../../store/analytics/sync.ts'
import type { SessionReader } from '../../store/query.ts'
import { listOf, summaryOfSamples } from './group-samples.ts'
import { eachSession, readSamples, type GroupSamples } from './read-groups.ts'
import type { Selection } from './selection.ts'
import { sourceChange, type SourceChange } from './source-change.ts'
import { sqlText } from './sql-text.ts'

/** One version of a function's source with what its calls took. */
export interface VariantFigures {
  variant: string
  name: string
  layer: string
  file: string | null
  line: number | null
  /** Commits it ran at. */
  commits: string[]
  sessions: string[]
  /** ISO 8601. */
  first_seen: string
  last_seen: string
  /** By weight. */
  calls: number
  errors: number
  p50_ms: number
  p95_ms: number
  mean_ms: number
  /** Against the version before it; null for the first. */
  against_before: SampleComparison | null
  change: SourceChange | null
}

/** Versions compared at most, the newest. */
const MAX_VARIANTS = 20
const MAX_SAMPLES = 5000

interface Seen {
  variant: string
  name: string
  layer: string
  first_seen: string
  last_seen: string
  spans: number
  calls: number
  errors: number
}

interface Known extends Seen {
  commits: Set<string>
  sessions: string[]
  samples: GroupSamples[]
  file: string | null
  line: number | null
  source: string | null
}

/** The versions of the functions of this name (`search`, `tool.search`) in the order in which they appeared, each against the one before. */
export async function compareVariants(
  selection: Selection,
  target: string,
  options: CompareOptions & { sync?: SyncOptions; onProgress?: (detail: string) => void } = {},
): Promise<VariantFigures[]> {
  const known = new Map<string, Known>()
  await eachSession(selection, options.sync ?? {}, async (reader, where) => {
    options.onProgress?.(reader.session.name)
    await readVariants(
      reader,
      `(${where}) AND s.variant IS NOT NULL AND (s.name = ${sqlText(target)} OR s.layer || '.' || s.name = ${sqlText(target)})`,
      known,
    )
  })
  const ordered = [...known.values()].sort((a, b) => (a.first_seen < b.first_seen ? -1 : 1)).slice(-MAX_VARIANTS)
  const comparisons = ordered.slice(1).map((after, i) => {
    const before = ordered[i]
    return compareSamples(listOf(before?.samples ?? [], 'duration_ms'), listOf(after.samples, 'duration_ms'), options)
  })
  const adjusted = adjustComparisons(comparisons, options)
  return ordered.map((variant, i) => figuresOf(variant, ordered[i - 1], adjusted[i - 1] ?? null))
}

async function readVariants(reader: SessionReader, where: string, known: Map<string, Known>): Promise<void> {
  const seen = await reader.rows<Seen>(
    `SELECT s.variant, s.name, s.layer, min(s.start_time) AS first_seen, max(s.start_time) AS last_seen, count(*) AS spans, sum(s.weight::DOUBLE) AS calls,
      coalesce(sum(s.weight::DOUBLE) FILTER (s.status = 'error'), 0) AS errors
     FROM spans s WHERE s.duration_ms IS NOT NULL AND ${where} GROUP BY ALL ORDER BY first_seen`,
  )
  if (seen.length === 0) return
  const sources = await reader.rows<{
    variant: string
    file: string | null
    line: number | null
    source: string | null
    git_commit: string | null
  }>(
    `SELECT variant, file, line, source, git_commit FROM variants WHERE variant IN (${seen.map(({ variant }) => sqlText(variant)).join(', ')})`,
  )
  const dimension = { key: 's.variant' }
  const wanted = seen.map(({ layer, variant, spans }) => ({ layer, key: variant, share: Math.min(1, MAX_SAMPLES / spans) }))
  const samples = await readSamples(reader, dimension, where, wanted)
  for (const [i, row] of seen.entries()) {
    const source = sources.find(({ variant }) => variant === row.variant)
    const entry = merged(known, row)
    entry.sessions.push(reader.session.name)
    entry.file ??= source?.file ?? null
    entry.line ??= source?.line ?? null
    entry.source ??= source?.source ?? null
    const commit = source?.git_commit ?? reader.session.json.gitCommit
    if (typeof commit === 'string') entry.commits.add(commit)
    const own = samples[i]
    if (own !== undefined) entry.samples.push(own)
  }
}

function merged(known: Map<string, Known>, row: Seen): Known {
  const id = `${row.layer}\0${row.name}\0${row.variant}`
  const before = known.get(id)
  if (before === undefined) {
    const entry: Known = { ...row, commits: new Set(), sessions: [], samples: [], file: null, line: null, source: null }
    known.set(id, entry)
    return entry
  }
  for (const sum of ['spans', 'calls', 'errors'] as const) before[sum] += row[sum]
  if (row.first_seen < before.first_seen) before.first_seen = row.first_seen
  if (row.last_seen > before.last_seen) before.last_seen = row.last_seen
  return before
}

function figuresOf(entry: Known, before: Known | undefined, comparison: SampleComparison | null): VariantFigures {
  const { variant, name, layer, file, line, sessions, first_seen, last_seen, calls, errors } = entry
  const { median, p95, mean } = summaryOfSamples(listOf(entry.samples, 'duration_ms'))
  return {
    variant, name, layer, file, line, commits: [...entry.commits], sessions, first_seen, last_seen, calls, errors, p50_ms: median, p95_ms: p95, mean_ms: mean,
    against_before: comparison,
    change: before?.source == null || entry.source === null ? null : (sourceChange(before.source, entry.source) ?? null),
  } // prettier-ignore
}
