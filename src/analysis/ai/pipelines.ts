import type { SessionReader } from '../../store/query.ts'
import { literal } from './calls.ts'

/** Layers that are stages of a pipeline, and those around them. */
const STAGES = `('workflow', 'step', 'node', 'tool', 'ai')`
const AROUND = `('workflow', 'step', 'node')`
/** Levels below the pipeline that are drawn. */
const MAX_DEPTH = 4
const MAX_RUNS = 2000

/** A kind of pipeline: workflows, or traces with stages, of one name. */
export interface PipelineKind {
  name: string
  layer: string
  runs: number
  stages: number
  total_ms: number
}

/** A stage over all runs of a pipeline; times in milliseconds. */
export interface Stage {
  /** Names from the pipeline down, its own last. */
  path: string[]
  name: string
  layer: string
  depth: number
  /** Runs in which it occurred, and how often in total. */
  runs: number
  calls: number
  /** When it began and ended after the pipeline did, medians over the runs. */
  start_ms: number
  end_ms: number
  p50_ms: number
  p95_ms: number
  /** Of the pipeline's whole time. */
  share: number
  errors: number
  /** Medians of a call; null where nothing was recorded of it. */
  in_bytes: number | null
  out_bytes: number | null
  cost_usd: number | null
  children: Stage[]
}

export interface Pipeline {
  name: string
  layer: string
  runs: number
  p50_ms: number
  p95_ms: number
  errors: number
  /** Time of a run in which no stage ran, median. */
  between_ms: number
  /** In the order in which they begin. */
  stages: Stage[]
}

/**
 * Pipelines of the session by name, those with the most stages first: an outermost workflow, or a root span with stages below it. One whose only
 * stage is a workflow (a conversation around it) is no pipeline, that workflow is.
 */
export function pipelineKinds(reader: SessionReader, limit: number): Promise<PipelineKind[]> {
  return reader.rows(
    `WITH children AS (SELECT parent_key, name FROM spans WHERE layer IN ${STAGES} AND parent_key IS NOT NULL AND status <> 'open'),
       below AS (SELECT parent_key, count(DISTINCT name) AS stages FROM children GROUP BY parent_key)
     SELECT s.name, s.layer, round(sum(s.weight))::BIGINT AS runs, max(b.stages) AS stages, sum(s.duration_ms * s.weight) AS total_ms
     FROM spans s JOIN below b ON b.parent_key = s.span_key LEFT JOIN spans p ON p.span_key = s.parent_key
       LEFT JOIN below of_parent ON of_parent.parent_key = s.parent_key LEFT JOIN spans g ON g.span_key = p.parent_key
     WHERE s.status <> 'open' AND (s.layer = 'workflow' OR s.parent_key IS NULL) AND s.layer <> 'ai'
       AND (coalesce(p.layer, '') NOT IN ${AROUND} OR p.layer = 'workflow' AND of_parent.stages = 1 AND coalesce(g.layer, '') NOT IN ${AROUND})
     GROUP BY s.name, s.layer HAVING max(b.stages) > 1 ORDER BY s.layer = 'workflow' DESC, stages DESC, total_ms DESC, s.name LIMIT ${limit}`,
  )
}

/** A stage as the query gives it. */
type Row = Omit<Stage, 'path' | 'name' | 'depth' | 'share' | 'children'> & { path: string; total_ms: number }

/** Separates names in a path: no name holds it. */
const SEPARATOR = '\u001f'

/** The stages of the pipelines of one name; undefined when there is none of that name. */
export async function pipelineOf(reader: SessionReader, name: string): Promise<Pipeline | undefined> {
  const [head] = await reader.rows<{ layer: string; runs: number; p50_ms: number; p95_ms: number; total_ms: number; errors: number }>(
    `SELECT any_value(layer) AS layer, round(sum(weight))::BIGINT AS runs, weighted_quantile(duration_ms, weight, 0.5) AS p50_ms, weighted_quantile(duration_ms, weight, 0.95) AS p95_ms,
       sum(duration_ms * weight) AS total_ms, round(coalesce(sum(weight) FILTER (status = 'error'), 0))::BIGINT AS errors FROM (${runsOf(name)}) HAVING count(*) > 0`,
  )
  if (head === undefined) return undefined
  const rows = await reader.rows<Row>(
    `${walk(name)},
       payload AS (SELECT span_id, sum(size) FILTER (role LIKE '%arguments' OR role IN ('gen_ai.input.messages', 'gen_ai.system_instructions')) AS in_bytes,
         sum(size) FILTER (role LIKE '%result' OR role = 'gen_ai.output.messages') AS out_bytes FROM payloads WHERE span_id IN (SELECT span_id FROM walk) GROUP BY span_id),
       per_run AS (SELECT path, layer, run, any_value(weight) AS weight, min(from_ms) AS from_ms, max(to_ms) AS to_ms FROM walk WHERE stage GROUP BY ALL)
     SELECT path, layer, any_value(t.runs) AS runs, round(sum(weight))::BIGINT AS calls, weighted_quantile(w.duration_ms, weight, 0.5) AS p50_ms, weighted_quantile(w.duration_ms, weight, 0.95) AS p95_ms,
       sum(w.duration_ms * weight) AS total_ms, round(coalesce(sum(weight) FILTER (w.status = 'error'), 0))::BIGINT AS errors,
       weighted_quantile(in_bytes, weight, 0.5) AS in_bytes, weighted_quantile(out_bytes, weight, 0.5) AS out_bytes,
       sum(TRY_CAST((w.attributes->>'perf.ai.cost_usd') AS DOUBLE) * weight) AS cost_usd, any_value(start_ms) AS start_ms, any_value(end_ms) AS end_ms
     FROM walk w LEFT JOIN payload USING (span_id)
       JOIN (SELECT path, layer, round(sum(weight))::BIGINT AS runs, weighted_quantile(from_ms, weight, 0.5) AS start_ms, weighted_quantile(to_ms, weight, 0.5) AS end_ms
         FROM per_run GROUP BY path, layer) t USING (path, layer)
     WHERE stage GROUP BY path, layer ORDER BY start_ms, path`,
  )
  const { total_ms: total, ...facts } = head
  const stages = treeOf(rows, total)
  return { name, ...facts, between_ms: Math.max(0, head.p50_ms - covered(stages)), stages }
}

const runsOf = (name: string): string =>
  `SELECT * FROM spans WHERE name = ${literal(name)} AND status <> 'open' AND (layer = 'workflow' OR parent_key IS NULL) ORDER BY start_ns LIMIT ${MAX_RUNS}`

/** From the runs down, level by level; what is no stage is gone through. Levels are written out: DuckDB makes a recursive join quadratic. */
function walk(name: string): string {
  const first = `level0 AS (SELECT span_key, span_id, span_key AS run, trace_key, start_ns AS run_ns, '' AS path, name, layer, duration_ms, status, attributes, start_ns, weight, false AS stage, 0 AS depth FROM (${runsOf(name)}))`
  const traces = `below AS (SELECT span_key, span_id, parent_key, trace_key, name, layer, duration_ms, status, attributes, start_ns, weight,
      layer IN ${STAGES} AND span_key NOT IN (FROM store.ai_uncounted) AS stage FROM spans WHERE trace_key IN (SELECT trace_key FROM level0) AND status <> 'open')`
  const next = (level: number): string => `level${level} AS (SELECT c.span_key, c.span_id, l.run, l.trace_key, l.run_ns,
      CASE WHEN c.stage THEN l.path || '${SEPARATOR}' || c.name ELSE l.path END AS path, c.name, c.layer, c.duration_ms, c.status, c.attributes, c.start_ns, c.weight,
      c.stage, l.depth + c.stage::INTEGER AS depth
    FROM level${level - 1} l JOIN below c ON c.parent_key = l.span_key AND c.trace_key = l.trace_key WHERE l.depth < ${MAX_DEPTH})`
  const levels = Array.from({ length: MAX_DEPTH + 4 }, (_, i) => i + 1)
  return `WITH ${[first, traces, ...levels.map(next)].join(',\n')},
    walk AS (${['level0', ...levels.map((level) => `level${level}`)].map((level) => `SELECT *, (start_ns - run_ns) / 1e6 AS from_ms, (start_ns - run_ns) / 1e6 + duration_ms AS to_ms FROM ${level}`).join(' UNION ALL ')})`
}

function treeOf(rows: readonly Row[], total: number): Stage[] {
  const byPath = new Map<string, Stage>()
  const roots: Stage[] = []
  for (const { path, total_ms: own, ...row } of [...rows].sort((a, b) => a.path.split(SEPARATOR).length - b.path.split(SEPARATOR).length)) {
    const names = path.split(SEPARATOR).slice(1)
    const stage: Stage = {
      ...row, path: names, name: names.at(-1) ?? '', depth: names.length, share: total === 0 ? 0 : own / total, children: [],
    } // prettier-ignore
    if (!byPath.has(path)) byPath.set(path, stage)
    const parent = byPath.get(path.slice(0, path.lastIndexOf(SEPARATOR)))
    if (parent === undefined) roots.push(stage)
    else parent.children.push(stage)
  }
  return roots
}

/** Milliseconds that the stages cover together, by their median beginnings and ends. */
function covered(stages: readonly Stage[]): number {
  let end = 0
  let sum = 0
  for (const stage of [...stages].sort((a, b) => a.start_ms - b.start_ms)) {
    sum += Math.max(0, stage.end_ms - Math.max(end, stage.start_ms))
    end = Math.max(end, stage.end_ms)
  }
  return sum
}
