import type { SessionReader } from '../store/query.ts'

/** What the time of one span was, as far as it can be known; milliseconds, null where nothing tells. */
export interface TimeParts {
  span_id: string
  name: string
  layer: string
  duration_ms: number
  /** Not covered by children. */
  self_ms: number
  /** Its own code on its thread (`PERF_CPU`). */
  cpu_ms: number | null
  /** Waiting for a connection of a pool. */
  pool_ms: number | null
  /** Its thread was blocked by code that is neither its own nor below it: it waited for the loop, its children included. */
  loop_ms: number | null
  /** Blocked by itself: longest synchronous call of its own code that was caught. */
  blocking_ms: number | null
  /** What is left of the self time of a call to somebody else: the network, and the other side. */
  io_ms: number | null
  /** Garbage collection of the whole process meanwhile. */
  gc_ms: number | null
  /** How the heap of the whole process changed meanwhile, bytes; null for spans that are too short for it. */
  heap_bytes: number | null
}

interface SpanRow {
  span_id: string
  parent_id: string | null
  name: string
  layer: string
  kind: string
  process: number
  thread: number
  from: number
  to: number
  duration_ms: number
  self_ms: number | null
  cpu_ms: number | null
  pool_ms: number | null
}

interface Interval {
  process: number
  from: number
  to: number
}

interface Stall extends Interval {
  span_id: string | null
}

interface Sample {
  process: number
  at: number
  value: number
}

/** The heap is measured once a second. */
const MIN_HEAP_MS = 3000

/** The parts of every ended span of a trace, the ones with the longest self time first. */
export async function timeParts(reader: SessionReader, traceId: string): Promise<TimeParts[]> {
  const { rows } = reader
  const spans =
    await rows<SpanRow>(`SELECT s.span_id, parent_id, name, layer, kind, process, thread, start_ns / 1e6 AS "from", start_ns / 1e6 + duration_ms AS "to", duration_ms,
      t.self_ms, self_cpu_ms AS cpu_ms, TRY_CAST((attributes->>'perf.pool.wait_ms') AS DOUBLE) AS pool_ms
    FROM spans s LEFT JOIN self_times t USING (span_key) WHERE trace_id = '${traceId}' AND duration_ms IS NOT NULL ORDER BY t.self_ms DESC, start_ns`)
  if (spans.length === 0) return []
  const from = Math.min(...spans.map((span) => span.from))
  const to = Math.max(...spans.map((span) => span.to))
  const window = `start_ns / 1e6 < ${to} AND (start_ns + duration_ns) / 1e6 > ${from}`
  const interval = `process, start_ns / 1e6 AS "from", (start_ns + duration_ns) / 1e6 AS "to"`
  const gc = await rows<Interval>(`SELECT ${interval} FROM store.gc WHERE ${window}`)
  const stalls = await rows<Stall>(
    `SELECT ${interval}, CASE WHEN span_id > 0 THEN printf('%016x', span_id) END AS span_id FROM store.stalls WHERE ${window}`,
  )
  const heap = await rows<Sample>(
    `SELECT process, time_ns / 1e6 AS at, value FROM store.metrics WHERE name = 'perf.memory.heap.used' AND time_ns / 1e6 BETWEEN ${from - 5000} AND ${to + 5000} ORDER BY time_ns`,
  )
  const [measured] = await rows<{ gc: boolean; stalls: boolean }>(
    `SELECT EXISTS (FROM store.metrics WHERE name = 'perf.memory.heap.used') AS gc, EXISTS (FROM store.stalls) AS stalls`,
  )
  const below = descendants(spans)
  return spans.map((span) => {
    const isMain = span.thread === 0
    const own = stalls.filter((stall) => stall.span_id === span.span_id)
    const others = stalls.filter((stall) => stall.span_id === null || !below.get(span.span_id)?.has(stall.span_id))
    const loop = isMain && measured?.stalls === true ? overlap(span, others) : null
    const self = span.self_ms ?? span.duration_ms
    const isLeaf = below.get(span.span_id)?.size === 1
    return {
      span_id: span.span_id,
      name: span.name,
      layer: span.layer,
      duration_ms: span.duration_ms,
      self_ms: self,
      cpu_ms: span.cpu_ms,
      pool_ms: span.pool_ms,
      loop_ms: loop,
      blocking_ms: own.length === 0 ? null : Math.max(...own.map((stall) => overlap(span, [stall]))),
      io_ms: isCallOut(span) ? Math.max(0, self - (span.cpu_ms ?? 0) - (span.pool_ms ?? 0) - (isLeaf ? (loop ?? 0) : 0)) : null,
      gc_ms: isMain && measured?.gc === true ? overlap(span, gc) : null,
      heap_bytes: isMain && span.duration_ms >= MIN_HEAP_MS ? heapChange(span, heap) : null,
    }
  })
}

const isCallOut = ({ kind, layer }: SpanRow): boolean => kind === 'client' || kind === 'producer' || layer === 'db' || layer === 'ai'

/** Milliseconds that intervals of the span's process, which do not overlap each other, share with it. */
function overlap(span: SpanRow, intervals: readonly Interval[]): number {
  let sum = 0
  for (const { process, from, to } of intervals) {
    if (process === span.process) sum += Math.max(0, Math.min(to, span.to) - Math.max(from, span.from))
  }
  return sum
}

/** Every span with itself and all below it. */
function descendants(spans: readonly SpanRow[]): Map<string, Set<string>> {
  const parents = new Map(spans.map((span) => [span.span_id, span.parent_id]))
  const below = new Map(spans.map((span) => [span.span_id, new Set([span.span_id])]))
  for (const { span_id } of spans) {
    const seen = new Set<string>()
    for (let at = parents.get(span_id); at !== null && at !== undefined && !seen.has(at); at = parents.get(at)) {
      seen.add(at)
      below.get(at)?.add(span_id)
    }
  }
  return below
}

function heapChange(span: SpanRow, samples: readonly Sample[]): number | null {
  const own = samples.filter(({ process }) => process === span.process)
  const before = own.findLast(({ at }) => at <= span.from) ?? own.find(({ at }) => at <= span.from + 1500)
  const after = own.findLast(({ at }) => at <= span.to)
  return before === undefined || after === undefined || before === after ? null : after.value - before.value
}
