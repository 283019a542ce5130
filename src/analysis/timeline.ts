import type { SessionReader } from '../store/query.ts'

/** What was served, or done where nothing is served, by interval; a list has one value per interval, null where there was nothing. */
export interface LatencyLine {
  /** `requests` served where there are any, else whole `traces`. */
  what: 'requests' | 'traces'
  count: number[]
  errors: number[]
  p50_ms: (number | null)[]
  p95_ms: (number | null)[]
  p99_ms: (number | null)[]
}

/** How long they took: `count` between `from_ms` and `to_ms`, `errors` of them failed. */
export interface LatencyBin {
  from_ms: number
  to_ms: number
  count: number
  errors: number
}

/** One measurement over time. */
export interface MetricLine {
  process: number
  pid: number
  values: (number | null)[]
}

/** A session over time, in intervals of equal length. */
export interface Timeline {
  /** Milliseconds since the epoch. */
  start_ms: number
  step_ms: number
  steps: number
  latency: LatencyLine
  /** Of all of them. */
  overall: { p50_ms: number | null; p95_ms: number | null; p99_ms: number | null; max_ms: number | null }
  distribution: LatencyBin[]
  /** Outgoing calls under way at once, on average over each interval, by layer. */
  in_flight: { layer: string; values: number[] }[]
  /** Null without AI calls. */
  ai: { calls: number[]; input_tokens: number[]; output_tokens: number[]; usd: number[] } | null
  /** Milliseconds of collections per second; null without any. */
  gc: { minor: number[]; major: number[] } | null
  /** By name of the metric, in its unit (the delay of the loop in milliseconds); the intervals are `metric_step_ms` long. */
  metric_step_ms: number
  metrics: Record<MetricName, MetricLine[]>
}

/** How several measurements of one interval become one; the parts of a metric (user and system) are summed up for `sum`. */
const METRICS = {
  'process.cpu.utilization': 'sum',
  'process.memory.usage': 'max',
  'perf.memory.heap.used': 'max',
  'nodejs.eventloop.utilization': 'avg',
  'nodejs.eventloop.delay.max': 'max',
} as const
type MetricName = keyof typeof METRICS

/** Intervals a chart can show, and how many it has at least. */
const [MIN_STEPS, MAX_STEPS] = [24, 90]
/** Requests or traces in an interval, on average, for its percentiles to say something. */
const WORK_PER_STEP = 5
const NICE_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000,
  7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
] // prettier-ignore
/** Metrics are measured every second at most. */
const MIN_METRIC_STEP_MS = 1000
const MAX_PROCESSES = 4

const QUANTILES = 'weighted_quantiles(duration_ms, weight, [0.5, 0.95, 0.99])'

interface Range {
  startNs: number
  stepMs: number
  steps: number
}

/** How a session went; null when it holds no spans. Each part is one pass over its view. */
export async function timeline(reader: SessionReader): Promise<Timeline | null> {
  const range = await rangeOf(reader)
  if (range === null) return null
  const metricRange = withStep(range, Math.max(range.stepMs, MIN_METRIC_STEP_MS))
  return {
    start_ms: range.startNs / 1e6,
    step_ms: range.stepMs,
    steps: range.steps,
    ...(await latencies(reader, range)),
    in_flight: await inFlight(reader, range),
    ai: await aiOverTime(reader, range),
    gc: await collections(reader, metricRange),
    metric_step_ms: metricRange.stepMs,
    metrics: await metricLines(reader, metricRange),
  }
}

async function rangeOf(reader: SessionReader): Promise<Range | null> {
  const [times] = await reader.rows<{ start: number | null; ms: number | null; work: number }>(
    `SELECT min(start_ns)::DOUBLE AS start, (max(start_ns + coalesce(duration_ms, 0) * 1e6) - min(start_ns)) / 1e6 AS ms,
       count(*) FILTER (parent_key IS NULL OR kind = 'server') AS work FROM spans`,
  )
  if (times?.start === undefined || times.start === null) return null
  const ms = Math.max(times.ms ?? 0, 1)
  const steps = Math.min(MAX_STEPS, Math.max(MIN_STEPS, times.work / WORK_PER_STEP))
  const stepMs = NICE_MS.find((step) => ms / step <= steps) ?? Math.ceil(ms / steps)
  return { startNs: times.start, stepMs, steps: Math.max(1, Math.ceil(ms / stepMs)) }
}

function withStep(range: Range, stepMs: number): Range {
  return { startNs: range.startNs, stepMs, steps: Math.max(1, Math.ceil((range.steps * range.stepMs) / stepMs)) }
}

/** The interval in which a moment (SQL, nanoseconds since the epoch) lies. */
const stepOf = (ns: string, { startNs, stepMs, steps }: Range): string =>
  `least(${steps - 1}, greatest(0, floor((${ns} - ${BigInt(startNs)}) / ${stepMs * 1e6})))::INTEGER`

const filled = <Value>(range: Range, value: Value): Value[] => Array<Value>(range.steps).fill(value)

/** Spans that stand for one piece of work: requests served, else the roots of traces. */
async function latencies(reader: SessionReader, range: Range): Promise<Pick<Timeline, 'latency' | 'overall' | 'distribution'>> {
  const [served] = await reader.rows<{ n: number }>(`SELECT count(*) AS n FROM spans WHERE layer = 'http' AND kind = 'server'`)
  const what = (served?.n ?? 0) > 0 ? 'requests' : 'traces'
  const work = `FROM spans WHERE duration_ms IS NOT NULL AND ${what === 'requests' ? `layer = 'http' AND kind = 'server'` : 'parent_key IS NULL'}`
  const errors = `round(coalesce(sum(weight) FILTER (status = 'error'), 0))::BIGINT AS errors`
  const rows = await reader.rows<{ step: number; count: number; errors: number; p50: number; p95: number; p99: number }>(
    `SELECT ${stepOf('start_ns', range)} AS step, round(sum(weight))::BIGINT AS count, ${errors}, ${QUANTILES}[1] AS p50,
       ${QUANTILES}[2] AS p95, ${QUANTILES}[3] AS p99 ${work} GROUP BY step`,
  )
  const latency: LatencyLine = {
    what,
    count: filled(range, 0),
    errors: filled(range, 0),
    p50_ms: filled<number | null>(range, null),
    p95_ms: filled<number | null>(range, null),
    p99_ms: filled<number | null>(range, null),
  }
  for (const row of rows) {
    latency.count[row.step] = row.count
    latency.errors[row.step] = row.errors
    latency.p50_ms[row.step] = row.p50
    latency.p95_ms[row.step] = row.p95
    latency.p99_ms[row.step] = row.p99
  }
  // Eight bins per power of ten: as fine as a reader tells apart on a logarithmic axis.
  const bins = await reader.rows<{ bin: number; count: number; errors: number }>(
    `SELECT floor(8 * log10(greatest(duration_ms, 1e-3)))::INTEGER AS bin, round(sum(weight))::BIGINT AS count, ${errors} ${work} GROUP BY bin ORDER BY bin`,
  )
  const [overall] = await reader.rows<Timeline['overall']>(
    `SELECT ${QUANTILES}[1] AS p50_ms, ${QUANTILES}[2] AS p95_ms, ${QUANTILES}[3] AS p99_ms, max(duration_ms) AS max_ms ${work}`,
  )
  return { latency, overall: overall ?? { p50_ms: null, p95_ms: null, p99_ms: null, max_ms: null }, distribution: withoutHoles(bins) }
}

function withoutHoles(bins: readonly { bin: number; count: number; errors: number }[]): LatencyBin[] {
  const [first, last] = [bins[0]?.bin ?? 0, bins.at(-1)?.bin ?? -1]
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const { count = 0, errors = 0 } = bins.find(({ bin }) => bin === first + i) ?? {}
    return { from_ms: 10 ** ((first + i) / 8), to_ms: 10 ** ((first + i + 1) / 8), count, errors }
  })
}

/**
 * The integral of the number of calls under way over each interval, by its length: calls under way at its start count for all of it, one
 * that begins in it from there on, one that ends in it until there. The requests of an AI client are its calls, and counted as these.
 */
async function inFlight(reader: SessionReader, range: Range): Promise<Timeline['in_flight']> {
  const step = range.stepMs * 1e6
  const calls = `FROM spans WHERE duration_ms IS NOT NULL AND kind IN ('client', 'producer') AND NOT (layer = 'http' AND coalesce(parent_key IN (SELECT span_key FROM spans WHERE layer = 'ai'), false))`
  const edges = (at: string, sign: number): string =>
    `SELECT layer, weight, ${sign} AS sign, ${at} - ${BigInt(range.startNs)} AS elapsed ${calls}`
  const rows = await reader.rows<{ layer: string; step: number; change: number; part: number }>(
    `SELECT layer, least(${range.steps - 1}, greatest(0, floor(elapsed / ${step})))::INTEGER AS step, sum(sign * weight)::DOUBLE AS change,
       sum(sign * weight * (1 - (elapsed / ${step} - floor(elapsed / ${step}))))::DOUBLE AS part
     FROM (${edges('start_ns', 1)} UNION ALL ${edges('(start_ns + duration_ms * 1e6)', -1)}) GROUP BY layer, step`,
  )
  const lines = new Map<string, { change: number[]; part: number[] }>()
  for (const row of rows) {
    const line = lines.get(row.layer) ?? { change: filled(range, 0), part: filled(range, 0) }
    line.change[row.step] = row.change
    line.part[row.step] = row.part
    lines.set(row.layer, line)
  }
  const averages = [...lines].map(([layer, { change, part }]) => {
    let under = 0
    const values = change.map((own, i) => {
      const value = Math.max(0, under + (part[i] ?? 0))
      under += own
      return Number(value.toPrecision(6))
    })
    return { layer, values }
  })
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  return averages.sort((a, b) => sum(b.values) - sum(a.values)).slice(0, 6)
}

async function aiOverTime(reader: SessionReader, range: Range): Promise<Timeline['ai']> {
  const rows = await reader.rows<{ step: number; calls: number; input: number; output: number; usd: number }>(
    `SELECT ${stepOf('epoch_ns(start_time)', range)} AS step, round(sum(weight))::BIGINT AS calls, coalesce(sum(input_tokens * weight::DOUBLE), 0) AS input,
       coalesce(sum(output_tokens * weight::DOUBLE), 0) AS output, coalesce(sum(cost_usd * weight), 0) AS usd FROM ai_calls GROUP BY step`,
  )
  if (rows.length === 0) return null
  const ai = { calls: filled(range, 0), input_tokens: filled(range, 0), output_tokens: filled(range, 0), usd: filled(range, 0) }
  for (const row of rows) {
    ai.calls[row.step] = row.calls
    ai.input_tokens[row.step] = row.input
    ai.output_tokens[row.step] = row.output
    ai.usd[row.step] = row.usd
  }
  return ai
}

async function collections(reader: SessionReader, range: Range): Promise<Timeline['gc']> {
  const rows = await reader.rows<{ step: number; is_minor: boolean; ms: number }>(
    `SELECT ${stepOf('epoch_ns(start_time)', range)} AS step, kind = 'minor' AS is_minor, sum(duration_ms) AS ms FROM gc GROUP BY ALL`,
  )
  if (rows.length === 0) return null
  const gc = { minor: filled(range, 0), major: filled(range, 0) }
  for (const { step, is_minor, ms } of rows) gc[is_minor ? 'minor' : 'major'][step] = (ms * 1000) / range.stepMs
  return gc
}

async function metricLines(reader: SessionReader, range: Range): Promise<Timeline['metrics']> {
  const rows = await reader.rows<{ name: MetricName; process: number; pid: number; step: number; value: number }>(
    `SELECT name, process, any_value(pid) AS pid, step, CASE WHEN name IN (${namesOf('sum')}) THEN sum(mean) WHEN name IN (${namesOf('max')}) THEN max(most) ELSE avg(mean) END AS value
     FROM (SELECT name, process, attributes::VARCHAR AS part, ${stepOf('epoch_ns(time)', range)} AS step, avg(value) AS mean, max(value) AS most FROM metrics
       WHERE name IN (${namesOf()}) AND process IN (SELECT process FROM metrics WHERE name = 'process.memory.usage' GROUP BY process ORDER BY max(value) DESC LIMIT ${MAX_PROCESSES})
       GROUP BY ALL) JOIN processes USING (process) GROUP BY name, process, step ORDER BY process`,
  )
  const lines = Object.fromEntries(Object.keys(METRICS).map((name) => [name, []])) as unknown as Timeline['metrics']
  for (const { name, process, pid, step, value } of rows) {
    let line = lines[name].find((one) => one.process === process)
    if (line === undefined) lines[name].push((line = { process, pid, values: filled<number | null>(range, null) }))
    line.values[step] = name === 'nodejs.eventloop.delay.max' ? value * 1000 : value
  }
  return lines
}

/** Metrics that are summed up in one way, as a list in SQL. */
function namesOf(way?: 'sum' | 'max'): string {
  return Object.entries(METRICS)
    .filter(([, own]) => way === undefined || own === way)
    .map(([name]) => `'${name}'`)
    .join(', ')
}
