import type { SessionReader } from '../store/query.ts'
import { trendOf } from './trend.ts'

/** Memory of one process over time; bytes. */
export interface MemoryReport {
  process: number
  pid: number
  rss_first: number
  rss_last: number
  rss_peak: number
  heap_first: number | null
  heap_last: number | null
  heap_peak: number | null
  heap_limit: number | null
  external_last: number | null
  cgroup_limit: number | null
  /** Major collections after which it is known what they left. */
  collections: number
  /** How the heap moves that is left after collections; null where it was collected too rarely to tell. */
  floor: HeapFloor | null
}

/** What is left after major collections, over time: what grows there is not given back. */
export interface HeapFloor {
  first: number
  last: number
  bytes_per_minute: number
  /** That it grows or shrinks at all, 0 to 1. */
  confidence: number
  collections: number
  seconds: number
  verdict: 'grows' | 'steady' | 'shrinks'
}

/** A program warms up: what the first collections leave is not what it keeps. */
const WARM_UP_SHARE = 0.15
const MIN_SECONDS = 20
const SURE = 0.99
/** Slower growth, against the heap, is not called one. */
const MIN_GROWTH_SHARE = 0.05
/** A heap that has grown so much, without collections enough to judge, is worth a word. */
const MUCH_BYTES = 32 * 1024 * 1024
const MUCH_TIMES = 2

/** Whether a heap has grown much and was collected too rarely to tell whether that stays: V8 lets a heap that grows grow on before it collects again. */
export function growsUnjudged({ floor, heap_first, heap_last }: Pick<MemoryReport, 'floor' | 'heap_first' | 'heap_last'>): boolean {
  if (floor !== null || heap_first === null || heap_last === null) return false
  return heap_last > heap_first * MUCH_TIMES && heap_last - heap_first > MUCH_BYTES
}

/** Memory by process; empty where nothing was measured. */
export async function memoryReport(reader: SessionReader): Promise<MemoryReport[]> {
  const rows = await reader.rows<Omit<MemoryReport, 'floor' | 'collections'>>(`SELECT process, any_value(pid) AS pid,
      arg_min(value, time) FILTER (name = 'process.memory.usage') AS rss_first, arg_max(value, time) FILTER (name = 'process.memory.usage') AS rss_last,
      max(value) FILTER (name IN ('process.memory.usage', 'perf.process.memory.peak')) AS rss_peak,
      arg_min(value, time) FILTER (name = 'perf.memory.heap.used') AS heap_first, arg_max(value, time) FILTER (name = 'perf.memory.heap.used') AS heap_last, max(value) FILTER (name = 'perf.memory.heap.used') AS heap_peak,
      max(value) FILTER (name = 'perf.memory.heap.limit') AS heap_limit, arg_max(value, time) FILTER (name = 'perf.memory.external') AS external_last,
      min(value) FILTER (name = 'perf.cgroup.memory.limit') AS cgroup_limit
    FROM metrics JOIN processes USING (process) GROUP BY process HAVING rss_last IS NOT NULL ORDER BY rss_peak DESC`)
  const floors = await reader.rows<{ process: number; time: number; value: number }>(
    `SELECT process, epoch(start_time) AS time, after_bytes AS value FROM gc WHERE kind = 'major' AND after_bytes IS NOT NULL ORDER BY process, start_time`,
  )
  return rows.map((row) => {
    const own = floors.filter(({ process }) => process === row.process)
    return { ...row, collections: own.length, floor: floorOf(own) }
  })
}

/** The trend of what major collections leave, by time in seconds; null where they are too few or too close. */
export function floorOf(collections: readonly { time: number; value: number }[]): HeapFloor | null {
  const points = collections.slice(Math.floor(collections.length * WARM_UP_SHARE))
  const [first, last] = [points[0], points.at(-1)]
  const trend = trendOf(points)
  if (first === undefined || last === undefined || trend === undefined || last.time - first.time < MIN_SECONDS) return null
  const seconds = last.time - first.time
  const isLarge = Math.abs(trend.slope) * seconds > MIN_GROWTH_SHARE * first.value
  const moves = trend.confidence >= SURE && isLarge
  return {
    first: first.value,
    last: last.value,
    bytes_per_minute: trend.slope * 60,
    confidence: trend.confidence,
    collections: points.length,
    seconds,
    verdict: !moves ? 'steady' : trend.slope > 0 ? 'grows' : 'shrinks',
  }
}
