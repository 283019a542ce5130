import type { SessionReader } from '../store/query.ts'
import { CoveredTime, countBelow } from './covered-time.ts'
import { groupBy } from './group-by.ts'

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
  /** Of the self time: waiting for a connection of a pool. */
  pool_ms: number | null
  /** Of the self time: its thread was blocked by code that is neither its own nor below it, so that it waited for the loop. */
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
  thread: number
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
  const from = spans.reduce((least, span) => Math.min(least, span.from), Infinity)
  const to = spans.reduce((most, span) => Math.max(most, span.to), -Infinity)
  const window = `start_ns / 1e6 < ${to} AND (start_ns + duration_ns) / 1e6 > ${from}`
  const interval = `process, start_ns / 1e6 AS "from", (start_ns + duration_ns) / 1e6 AS "to"`
  const gc = await rows<Interval>(`SELECT ${interval} FROM store.gc WHERE ${window}`)
  const stalls = await rows<Stall>(
    `SELECT ${interval}, thread, CASE WHEN span_id > 0 THEN printf('%016x', span_id) END AS span_id FROM store.stalls WHERE ${window}`,
  )
  const heap = await rows<Sample>(
    `SELECT process, time_ns / 1e6 AS at, value FROM store.metrics WHERE name = 'perf.memory.heap.used' AND time_ns / 1e6 BETWEEN ${from - 5000} AND ${to + 5000} ORDER BY time_ns`,
  )
  const [measured] = await rows<{ gc: boolean; stalls: boolean }>(
    `SELECT EXISTS (FROM store.metrics WHERE name = 'perf.memory.heap.used') AS gc, EXISTS (FROM store.stalls) AS stalls`,
  )
  return partsOf(spans, { gc: measured?.gc === true ? gc : null, stalls: measured?.stalls === true ? stalls : null, heap })
}

/** What a process was seen to do meanwhile; null where nothing was measured. */
interface Meanwhile {
  gc: Interval[] | null
  stalls: Stall[] | null
  heap: Sample[]
}

/** The parts of every span, in their order: work in proportion to the spans and what was seen, whatever the trace looks like. */
export function partsOf(spans: readonly SpanRow[], { gc, stalls, heap }: Meanwhile): TimeParts[] {
  const parts = selfTimes(spans)
  const loopMs = stalls !== null ? waitsForLoop(spans, parts, stalls) : undefined
  const own = groupBy(stalls ?? [], (stall) => stall.span_id)
  const gcOf = coveredBy(gc ?? [], ({ process }) => process)
  const heapOf = new Map(
    [...groupBy(heap, ({ process }) => process)].map(([process, samples]): [number, HeapCourse] => [
      process,
      { times: samples.map(({ at }) => at), values: samples.map(({ value }) => value) },
    ]),
  )
  return spans.map((span, i) => {
    const isMain = span.thread === 0
    const blocking = own.get(span.span_id)
    const self = span.self_ms ?? span.duration_ms
    const waited = Math.max(0, self - (span.cpu_ms ?? 0))
    // While the loop was blocked for this span its own code may have had its turn, too: what it used is not waiting.
    const loop = loopMs === undefined ? null : Math.min(waited, loopMs[i] ?? 0)
    const pool = span.pool_ms === null ? null : Math.min(span.pool_ms, waited - (loop ?? 0))
    return {
      span_id: span.span_id,
      name: span.name,
      layer: span.layer,
      duration_ms: span.duration_ms,
      self_ms: self,
      cpu_ms: span.cpu_ms,
      pool_ms: pool,
      loop_ms: loop,
      blocking_ms: blocking === undefined ? null : blocking.reduce((most, stall) => Math.max(most, shared(span, stall)), 0),
      io_ms: isCallOut(span) ? Math.max(0, waited - (loop ?? 0) - (pool ?? 0)) : null,
      gc_ms: isMain && gc !== null ? (gcOf.get(span.process)?.within(span) ?? 0) : null,
      heap_bytes:
        isMain && span.duration_ms >= MIN_HEAP_MS ? heapChange(span, heapOf.get(span.process) ?? { times: [], values: [] }) : null,
    }
  })
}

const isCallOut = ({ kind, layer }: SpanRow): boolean => kind === 'client' || kind === 'producer' || layer === 'db' || layer === 'ai'

/** Milliseconds that two intervals of one process share. */
const shared = (a: Interval, b: Interval): number =>
  a.process === b.process ? Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from)) : 0

function coveredBy<T extends Interval, K>(intervals: readonly T[], keyOf: (interval: T) => K): Map<K, CoveredTime> {
  return new Map([...groupBy(intervals, keyOf)].map(([key, list]) => [key, new CoveredTime(list)]))
}

const threadOf = ({ process, thread }: Pick<Stall, 'process' | 'thread'>): string => `${process} ${thread}`

/**
 * Milliseconds of each span's self time in which its thread was blocked by what is neither its own nor below it: all stalls of the thread, less those of
 * its own and from below, of which each is looked at once for every span above it.
 */
function waitsForLoop(spans: readonly SpanRow[], parts: readonly Interval[][], stalls: readonly Stall[]): number[] {
  const blocked = coveredBy(stalls, threadOf)
  const waits = spans.map((span, i) => {
    const ofThread = blocked.get(threadOf(span))
    return ofThread === undefined ? 0 : (parts[i] ?? []).reduce((sum, part) => sum + ofThread.within(part), 0)
  })
  const indexes = new Map(spans.map(({ span_id }, i) => [span_id, i]))
  const selves = new Map<number, CoveredTime>()
  for (const stall of stalls) {
    const seen = new Set<number>()
    for (let at = stall.span_id === null ? undefined : indexes.get(stall.span_id); at !== undefined && !seen.has(at);) {
      seen.add(at)
      const { parent_id, ...span } = spans[at] as SpanRow
      if (threadOf(span) === threadOf(stall)) {
        let self = selves.get(at)
        if (self === undefined) selves.set(at, (self = new CoveredTime(parts[at] ?? [])))
        waits[at] = Math.max(0, (waits[at] ?? 0) - self.within(stall))
      }
      at = parent_id === null ? undefined : indexes.get(parent_id)
    }
  }
  return waits
}

/** The self time of every span. */
function selfTimes(spans: readonly SpanRow[]): Interval[][] {
  const children = groupBy(spans, ({ parent_id }) => parent_id)
  return spans.map((span) => selfIntervals(span, children.get(span.span_id)))
}

/** The parts of a span that none of its children covers. */
function selfIntervals({ process, from, to }: SpanRow, children: readonly SpanRow[] = []): Interval[] {
  const parts: Interval[] = []
  let at = from
  for (const child of [...children].sort((a, b) => a.from - b.from)) {
    if (child.from > at) parts.push({ process, from: at, to: Math.min(child.from, to) })
    at = Math.max(at, child.to)
  }
  if (at < to) parts.push({ process, from: at, to })
  return parts.filter((part) => part.to > part.from)
}

interface HeapCourse {
  times: number[]
  values: number[]
}

/** From the last sample before the span, or the first one soon after its start, to the last one before its end. */
function heapChange({ from, to }: SpanRow, { times, values }: HeapCourse): number | null {
  const first = Math.max(0, countBelow(times, from) - 1)
  const last = countBelow(times, to) - 1
  return last <= first || (times[first] ?? 0) > from + 1500 ? null : (values[last] ?? 0) - (values[first] ?? 0)
}
