import type { SessionReader } from '../store/query.ts'
import { sessionState, type ProcessState } from '../store/liveness.ts'
import { damagedEnvironments } from '../store/session.ts'
import type { Finding } from './finding.ts'
import { heapReport, type HeapReport } from './heap-report.ts'
import { taskReport, type TaskReport } from './task-report.ts'
import { loopReport, type LoopReport } from './loop-report.ts'
import { threadReport, type ThreadReport } from './thread-report.ts'
import type { CacheReport } from './cache-report.ts'
import { logReport, type LogReport } from './log-report.ts'
import { memoryReport, type MemoryReport } from './memory-report.ts'
import { cachesOf, findingsOf } from './refresh-findings.ts'
import { outgoingTargets } from './outgoing-targets.ts'
import { aiGlance, type AiGlance } from './ai/glance.ts'
import { cpuReport, type CpuReport } from './cpu/cpu-report.ts'
import { firstRows, TRACE_HEAD, type TraceHead, type WaterfallRow } from './trace-tree.ts'

/** Totals of one group of spans; times in milliseconds, counts weighted by sampling. */
export interface Timing {
  count: number
  total_ms: number
  /** Time not covered by children. */
  self_ms: number
  p50_ms: number
  p95_ms: number
  p99_ms: number
  errors: number
}

export interface ReportData {
  session: {
    name: string
    service: string | null
    state: string
    command: string[]
    started_at: string | null
    duration_ms: number
    node: string | null
    agent: string | null
    git_commit: string | null
    problem: string | null
  }
  /** What happened: of a sampled session estimates, beside what was recorded of it. */
  totals: {
    spans: number
    traces: number
    recorded_spans: number
    recorded_traces: number
    errors: number
    open: number
    processes: number
    cost_usd: number | null
    input_tokens: number
    output_tokens: number
  }
  processes: {
    process: number
    pid: number
    state: ProcessState
    service: string | null
    command: string[]
    exit_code: number | null
    spans: number
  }[]
  /** What to change, the costliest first. */
  findings: Finding[]
  layers: (Timing & { layer: string })[]
  /** `target`: where outgoing requests went, `null` for other spans. */
  names: (Timing & { layer: string; name: string; target: string | null })[]
  endpoints: (Omit<Timing, 'self_ms'> & { route: string })[]
  ai: {
    provider: string | null
    model: string | null
    calls: number
    input_tokens: number
    output_tokens: number
    cost_usd: number | null
    p50_ms: number
    p95_ms: number
    first_token_p50_ms: number | null
    errors: number
  }[]
  /** Null without AI calls. */
  ai_glance: AiGlance | null
  queries: {
    system: string | null
    statement: string
    count: number
    total_ms: number
    p50_ms: number
    p95_ms: number
    max_ms: number
    pool_wait_ms: number | null
    errors: number
  }[]
  errors: {
    error_type: string | null
    layer: string
    name: string
    target: string | null
    message: string | null
    count: number
    first: string
    last: string
    trace_id: string
  }[]
  /** Began and did not end: still running, or cut off by the end of the process. */
  open: { name: string; layer: string; count: number; since: string; state: ProcessState }[]
  traces: (TraceHead & { hidden: number; waterfall: WaterfallRow[] })[]
  /** Only with a CPU profile. */
  cpu: CpuReport | null
  /** What was not over; null without `PERF_ASYNC`. */
  tasks: TaskReport | null
  /** By process; empty where nothing was measured. */
  memory: MemoryReport[]
  /** Collections, stalls and delay; null where nothing was measured. */
  loop: LoopReport | null
  /** Worker threads of the app. */
  threads: ThreadReport[]
  /** Heap snapshots and where was allocated. */
  heap: HeapReport
  /** Caches that were read, with what they saved and lost. */
  caches: CacheReport[]
  /** Lines of the app's loggers; null when there was none. */
  logs: LogReport | null
  /** What the recording does not hold. */
  gaps: {
    counters: Record<string, number>
    problems: { source: string; problem: string }[]
    packages: { name: string; version: string | null; integration: string | null; status: string; reason: string | null }[]
    faults: { place: string | null; message: string | null; count: number }[]
    damaged: string[]
  }
}

/** Counters that say something is missing; the others (spans written) are not gaps. */
const GAP_COUNTERS = `name NOT IN ('spans_written', 'packages_missed') AND value > 0`

// One aggregate however often it is written.
const QUANTILES = 'weighted_quantiles(duration_ms, weight, [0.5, 0.95, 0.99])'
const PERCENTILES = `${QUANTILES}[1] AS p50_ms, ${QUANTILES}[2] AS p95_ms, ${QUANTILES}[3] AS p99_ms`
const ERRORS = `round(coalesce(sum(weight) FILTER (status = 'error'), 0))::BIGINT AS errors`
// As double: a token count times a FLOAT would be rounded to 24 bits.
const TOKENS = ['input_tokens', 'output_tokens']
  .map((column) => `round(coalesce(sum(${column} * weight::DOUBLE), 0))::BIGINT AS ${column}`)
  .join(', ')
const COUNT = `round(sum(weight))::BIGINT AS count`
const TIMING = `${COUNT}, sum(duration_ms * weight) AS total_ms, sum(self_ms * weight) AS self_ms, ${PERCENTILES}, ${ERRORS}`

/** Everything `perf-agent report` shows; also its `--json`. */
export async function buildReport(reader: SessionReader, options: { limit?: number } = {}): Promise<ReportData> {
  const limit = options.limit ?? 10
  const { rows } = reader
  const processes = await rows<
    ReportData['processes'][number]
  >(`SELECT p.process, pid, state, service, command, exit_code, coalesce(round(n), 0)::BIGINT AS spans FROM processes p
    LEFT JOIN (SELECT process, sum(weight) AS n FROM spans GROUP BY process) USING (process) ORDER BY spans DESC, process`)
  const timings = await rows<
    Timing & { layer: string; name: string | null }
  >(`SELECT layer, name, ${TIMING} FROM (SELECT layer, name, status, weight, duration_ms, duration_ms - least(duration_ms, coalesce(covered_ns, 0) / 1e6) AS self_ms
      FROM spans s LEFT JOIN store.covered c ON c.span_id = s.span_key)
    GROUP BY GROUPING SETS ((layer), (layer, name)) ORDER BY self_ms DESC NULLS LAST, total_ms DESC, layer, name`)
  const missing = await gaps(reader)
  const topNames = timings.flatMap(({ name, ...timing }) => (name === null ? [] : [{ ...timing, name }])).slice(0, limit)
  const failures = await rows<Omit<ReportData['errors'][number], 'target'>>(
    `SELECT error_type, layer, name, min(message) AS message, round(sum(weight))::BIGINT AS count, min(start_time) AS first, max(start_time) AS last,
      top_traces(trace_key, epoch_us(start_time))[1] AS trace_id FROM errors GROUP BY error_type, layer, name ORDER BY count DESC, name LIMIT ${limit}`,
  )
  const httpNames = [...topNames, ...failures].filter(({ layer }) => layer === 'http').map(({ name }) => name)
  const targets = await outgoingTargets(reader, httpNames)
  const targetOf = ({ layer, name }: { layer: string; name: string }): string | null =>
    layer === 'http' ? (targets.get(name) ?? null) : null
  const ai = await aiByModel(reader, `true`, limit)
  return {
    session: await sessionFacts(reader, processes, missing.problems.length > 0),
    totals: await totals(reader),
    processes,
    findings: await findingsOf(reader),
    layers: timings.flatMap(({ name, ...layer }) => (name === null ? [layer] : [])),
    names: topNames.map((row) => ({ ...row, target: targetOf(row) })),
    endpoints:
      await rows(`SELECT concat_ws(' ', method, coalesce(route, '(no route)')) AS route, ${TIMING.replace(/sum\(self_ms[^,]*, /, '')} FROM requests
      WHERE direction = 'in' GROUP BY ALL ORDER BY p95_ms DESC NULLS LAST LIMIT ${limit}`),
    ai,
    ai_glance: ai.length > 0 ? await aiGlance(reader) : null,
    queries:
      await rows(`SELECT system, coalesce(statement, summary, name) AS statement, ${COUNT}, sum(duration_ms * weight) AS total_ms, ${QUANTILES}[1] AS p50_ms,
      ${QUANTILES}[2] AS p95_ms, max(duration_ms) AS max_ms, weighted_quantile(pool_wait_ms, weight, 0.95) AS pool_wait_ms, ${ERRORS}
      FROM queries WHERE status <> 'open' GROUP BY ALL ORDER BY p95_ms DESC NULLS LAST LIMIT ${limit}`),
    errors: failures.map((row) => ({ ...row, target: targetOf(row) })),
    open: await rows(`SELECT s.name, layer, ${COUNT}, min(start_time) AS since, any_value(p.state) AS state FROM spans s JOIN processes p USING (process)
      WHERE status = 'open' GROUP BY s.name, layer ORDER BY since LIMIT ${limit}`),
    traces: await slowestTraces(reader, Math.min(3, limit)),
    cpu: await cpuReport(reader, limit),
    memory: await memoryReport(reader),
    tasks: await taskReport(reader, limit),
    loop: await loopReport(reader, limit),
    threads: await threadReport(reader, limit),
    heap: await heapReport(reader, Math.min(5, limit)),
    caches: await cachesOf(reader, limit),
    logs: await logReport(reader, limit),
    gaps: missing,
  }
}

/** AI calls by model, of those that `where` selects. */
export function aiByModel(reader: SessionReader, where: string, limit: number): Promise<ReportData['ai']> {
  return reader.rows(
    `SELECT provider, model, round(sum(weight))::BIGINT AS calls, ${TOKENS}, sum(cost_usd * weight) AS cost_usd,
      ${QUANTILES}[1] AS p50_ms, ${QUANTILES}[2] AS p95_ms, weighted_quantile(first_token_ms, weight, 0.5) AS first_token_p50_ms, ${ERRORS}
     FROM ai_calls WHERE status <> 'open' AND ${where} GROUP BY provider, model ORDER BY cost_usd DESC NULLS LAST, calls DESC LIMIT ${limit}`,
  )
}

async function sessionFacts(
  reader: SessionReader,
  processes: ReportData['processes'],
  isUnreadable: boolean,
): Promise<ReportData['session']> {
  const { session } = reader
  const state = sessionState(processes.map((process) => process.state))
  const [times] = await reader.rows<{ first: string | null; ms: number | null }>(
    `SELECT min(start_time) AS first, (max(start_ns + coalesce(duration_ms * 1e6, 0)) - min(start_ns)) / 1e6 AS ms FROM spans`,
  )
  return {
    name: session.name,
    service: session.json.service ?? null,
    state: state === 'empty' && isUnreadable ? 'unreadable' : state,
    command: session.json.command ?? [],
    started_at: session.startedAt?.toISOString() ?? times?.first ?? null,
    duration_ms: times?.ms ?? 0,
    node: session.json.node ?? null,
    agent: session.json.agent ?? null,
    git_commit: session.json.gitCommit ?? null,
    problem: session.problem ?? null,
  }
}

async function totals(reader: SessionReader): Promise<ReportData['totals']> {
  const [spans] = await reader.rows<Omit<ReportData['totals'], 'cost_usd' | 'input_tokens' | 'output_tokens'>>(
    `SELECT coalesce(round(sum(weight)), 0)::BIGINT AS spans, count(*) AS recorded_spans, ${ERRORS}, round(coalesce(sum(weight) FILTER (status = 'open'), 0))::BIGINT AS open,
       (SELECT coalesce(round(sum(weight)), 0)::BIGINT FROM traces) AS traces, (SELECT count(*) FROM traces) AS recorded_traces, (SELECT count(*) FROM processes) AS processes FROM spans`,
  )
  const [ai] = await reader.rows<{ cost_usd: number | null; input_tokens: number; output_tokens: number }>(
    `SELECT sum(cost_usd * weight) AS cost_usd, ${TOKENS} FROM ai_calls`,
  )
  const none = {
    spans: 0,
    traces: 0,
    recorded_spans: 0,
    recorded_traces: 0,
    errors: 0,
    open: 0,
    processes: 0,
    cost_usd: null,
    input_tokens: 0,
    output_tokens: 0,
  }
  return { ...none, ...spans, ...ai }
}

async function slowestTraces(reader: SessionReader, limit: number): Promise<ReportData['traces']> {
  const slowest = await reader.rows<TraceHead>(`SELECT ${TRACE_HEAD} FROM traces ORDER BY duration_ms DESC LIMIT ${limit}`)
  const traces: ReportData['traces'] = []
  for (const trace of slowest) {
    const { rows, hidden } = await firstRows(reader, trace, MAX_WATERFALL_ROWS)
    traces.push({ ...trace, hidden, waterfall: rows })
  }
  return traces
}

const MAX_WATERFALL_ROWS = 16

async function gaps(reader: SessionReader): Promise<ReportData['gaps']> {
  const counters = await reader.rows<{ name: string; value: number }>(
    `SELECT name, sum(value)::BIGINT AS value FROM counters WHERE ${GAP_COUNTERS} GROUP BY name ORDER BY name`,
  )
  return {
    counters: Object.fromEntries(counters.map(({ name, value }) => [name, value])),
    problems: await reader.rows(`SELECT source, problem FROM store.sources WHERE problem IS NOT NULL ORDER BY source`),
    packages: await reader.rows(
      `SELECT name, version, min(integration) AS integration, status, min(reason) AS reason FROM packages WHERE status <> 'wrapped' GROUP BY name, version, status ORDER BY name`,
    ),
    faults: await reader.rows(
      `SELECT place, message, sum(count)::BIGINT AS count FROM faults GROUP BY place, message ORDER BY count DESC LIMIT 10`,
    ),
    damaged: damagedEnvironments(reader.session),
  }
}
