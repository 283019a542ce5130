import type { DuckDBConnection } from '@duckdb/node-api'
import { PARENT_KEY } from './parent-key.ts'

// What many queries need of every trace is computed once, while a batch is stored, by DuckDB's threads beside the one that decodes:
// `store.traces` (a row per trace) and `store.covered` (how much of a span its children cover; leaves have no row). A trace of which a part
// was stored before is noted in `store.late_traces` instead and computed from all its spans when the sync ends.

/** Columns that `traces` and `covered` are computed from. */
interface Source {
  /** SQL of the rows: `trace_id, span_id, parent_id, start_ns, duration_ns, name, layer, kind, status, weight, process`. */
  rows: string
}

/** SQL of rows for `store.traces`. Of spans that begin at the same moment the one without a parent is the first. */
export const tracesOf = ({ rows }: Source): string => `
  SELECT trace_id, first.span_id, first.name, first.layer, first.kind, first.status, first.weight, start_ns, last_ns - start_ns, spans, errors, processes, list_sort(layers)
  FROM (SELECT trace_id, arg_min({ span_id: span_id, name: name, layer: layer, kind: kind, status: status, weight: weight }, start_ns * 2 + coalesce(parent_id > 0, false)::BIGINT) AS first,
      min(start_ns) AS start_ns, max(start_ns + coalesce(duration_ns, 0)) AS last_ns, count(*) AS spans, count(*) FILTER (status = 'error') AS errors,
      count(DISTINCT process) AS processes, list(DISTINCT layer) AS layers
    FROM (${rows}) GROUP BY trace_id) ORDER BY start_ns`

/** SQL of rows for `store.covered`: the union of the children's times, as far as it lies within the parent's. */
export const coveredOf = ({ rows }: Source): string => `
  SELECT parent_id, sum(greatest(0, to_ns - greatest(from_ns, coalesce(before_ns, from_ns))))::BIGINT AS covered_ns
  FROM (SELECT parent_id, from_ns, to_ns, max(to_ns) OVER (PARTITION BY parent_id ORDER BY from_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
    FROM (SELECT c.parent_id, greatest(c.start_ns, p.start_ns) AS from_ns, least(c.start_ns + c.duration_ns, p.start_ns + p.duration_ns) AS to_ns
      FROM (${rows}) c JOIN (${rows}) p ON p.span_id = c.parent_id AND p.trace_id = c.trace_id) WHERE to_ns > from_ns)
  GROUP BY parent_id`

const LATE: Source = {
  rows: `SELECT trace_id, span_id, ${PARENT_KEY} AS parent_id, start_ns, duration_ns, name, layer, kind, status, weight, process
    FROM store.spans WHERE trace_id IN (FROM store.late_traces)`,
}

/** Statements that compute the traces noted in `store.late_traces`. */
export const LATE_TRACES = [
  `DELETE FROM store.covered WHERE span_id IN (SELECT span_id FROM store.spans WHERE trace_id IN (FROM store.late_traces))`,
  `DELETE FROM store.traces WHERE trace_id IN (FROM store.late_traces)`,
  `INSERT INTO store.traces ${tracesOf(LATE)}`,
  `INSERT INTO store.covered ${coveredOf(LATE)}`,
  'DELETE FROM store.late_traces',
]

/** Computes the traces that came in parts. Nothing is left half done: what a sync that broke off had noted, the next one finds. */
export async function summarizeLateTraces(connection: DuckDBConnection): Promise<void> {
  if (!(await hasLateTraces(connection))) return
  try {
    await connection.run(['BEGIN', ...LATE_TRACES, 'COMMIT'].join(';\n'))
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Whether a sync broke off before it had computed every trace. */
export async function hasLateTraces(connection: DuckDBConnection): Promise<boolean> {
  return (await connection.runAndReadAll('SELECT 1 FROM store.late_traces LIMIT 1')).currentRowCount > 0
}
