import { PerfError } from '../../errors.ts'
import { openSession, type SessionReader } from '../../store/query.ts'
import type { SyncOptions } from '../../store/analytics/sync.ts'
import type { Dimension } from './dimensions.ts'
import type { Selection } from './selection.ts'
import { sqlText } from './sql-text.ts'

/** Totals of one group of spans on one side; counts and sums by weight. */
export interface GroupTotals {
  layer: string
  key: string
  /** Recorded spans. */
  spans: number
  calls: number
  total_ms: number
  errors: number
}

/** Samples of one group in the order of time; each list as long as the others. */
export interface GroupSamples {
  duration_ms: number[]
  weight: number[]
  /** Number of the trace. */
  trace: number[]
  /** 1 failed, 0 did not. */
  failed: number[]
  self_cpu_ms: (number | null)[]
  input_tokens: (number | null)[]
  output_tokens: (number | null)[]
  cost_usd: (number | null)[]
}

/**
 * Opens the sessions of a selection, one after the other, and gives each to `read`. Of several sessions those that cannot be read are left out;
 * gives one sentence for each of them. The only one is thrown.
 */
export async function eachSession(
  selection: Selection,
  options: SyncOptions,
  read: (reader: SessionReader, where: string) => Promise<void>,
): Promise<string[]> {
  const problems: string[] = []
  for (const session of selection.sessions) {
    let reader: SessionReader
    try {
      reader = await openSession(session, options)
    } catch (error) {
      if (selection.sessions.length === 1 || !(error instanceof PerfError)) throw error
      problems.push(`${session.name} is left out: ${error.message}`)
      continue
    }
    try {
      await read(reader, await selection.where(reader))
    } finally {
      reader.close()
    }
  }
  return problems
}

/** Groups of a session that are looked at, those with most time first. */
const MAX_GROUPS = 1000

/** What each group of a session comes to. */
export async function readTotals(reader: SessionReader, dimension: Dimension, where: string): Promise<GroupTotals[]> {
  return await reader.rows(`SELECT ${groupColumns(dimension)}, count(*) AS spans, sum(s.weight::DOUBLE) AS calls, sum(s.duration_ms * s.weight) AS total_ms,
      coalesce(sum(s.weight::DOUBLE) FILTER (s.status = 'error'), 0) AS errors
    FROM spans s WHERE ${conditions(dimension, where)} GROUP BY ALL ORDER BY total_ms DESC, key LIMIT ${MAX_GROUPS}`)
}

/** A group to take samples of. */
export interface WantedGroup {
  layer: string
  key: string
  /** Share of its spans to take, 0 … 1: the same ones each time. */
  share: number
}

/** Samples of groups of one session, in the order of `wanted`; undefined where the session has none. */
export async function readSamples(
  reader: SessionReader,
  dimension: Dimension,
  where: string,
  wanted: readonly WantedGroup[],
): Promise<(GroupSamples | undefined)[]> {
  if (wanted.length === 0) return []
  // 53 bits of the hash: numbers that JavaScript writes exactly.
  const values = wanted.map(
    ({ layer, key, share }, i) => `(${sqlText(layer)}, ${sqlText(key)}, ${i}, ${Math.ceil(share * 2 ** 53)}::UBIGINT)`,
  )
  const list = (value: string, name: string): string => `list(${value} ORDER BY start_ns, span_key) AS ${name}`
  const usage = (key: string): string => `CASE WHEN s.layer = 'ai' THEN TRY_CAST((s.attributes->>'${key}') AS DOUBLE) END`
  const rows = await reader.rows<GroupSamples & { place: number }>(
    `WITH wanted(layer, key, place, below) AS (VALUES ${values.join(', ')})
     SELECT place, ${list('duration_ms', 'duration_ms')}, ${list('weight', 'weight')}, ${list('(hash(trace_key) >> 11)::BIGINT', 'trace')},
       ${list('failed', 'failed')}, ${list('self_cpu_ms', 'self_cpu_ms')}, ${list('input_tokens', 'input_tokens')},
       ${list('output_tokens', 'output_tokens')}, ${list('cost_usd', 'cost_usd')}
     FROM (SELECT w.place, s.start_ns, s.span_key, s.trace_key, s.duration_ms, s.weight::DOUBLE AS weight, (s.status = 'error')::INTEGER AS failed, s.self_cpu_ms,
         ${usage('gen_ai.usage.input_tokens')} AS input_tokens, ${usage('gen_ai.usage.output_tokens')} AS output_tokens, ${usage('perf.ai.cost_usd')} AS cost_usd
       FROM (SELECT *, ${groupColumns(dimension, 'group_')} FROM spans s WHERE ${conditions(dimension, where)}) s
         JOIN wanted w ON w.layer = s.group_layer AND w.key = s.group_key WHERE (hash(s.span_key) >> 11) < w.below)
     GROUP BY place`,
  )
  const samples: (GroupSamples | undefined)[] = wanted.map(() => undefined)
  for (const { place, ...lists } of rows) samples[place] = lists
  return samples
}

function groupColumns({ key, layer = 's.layer' }: Dimension, prefix = ''): string {
  return `${layer} AS ${prefix}layer, ${key} AS ${prefix}key`
}

function conditions(dimension: Dimension, where: string): string {
  return `s.duration_ms IS NOT NULL AND (${where})${dimension.where === undefined ? '' : ` AND (${dimension.where})`}`
}
