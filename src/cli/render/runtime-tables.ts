import path from 'node:path'
import type { LoopReport } from '../../analysis/loop-report.ts'
import { growsUnjudged, type MemoryReport } from '../../analysis/memory-report.ts'
import { bytes, count, counted, duration, share } from './format.ts'
import { shortPlace } from './shown-file.ts'
import type { ThreadReport } from '../../analysis/thread-report.ts'
import { oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

const right = (head: string): TableColumn => ({ head, align: 'right' })
const size = (value: number | null): string => (value === null ? '-' : bytes(value))

/** Memory by process, and whether the heap that is left after collections grows. */
export function memory(terminal: Terminal, rows: readonly MemoryReport[]): string {
  if (rows.length === 0) return ''
  const columns = [
    right('pid'),
    right('rss'),
    right('peak'),
    right('heap'),
    right('peak'),
    right('of'),
    right('external'),
    right('container'),
  ]
  const body = rows
    .slice(0, 6)
    .map((row) => [
      String(row.pid),
      bytes(row.rss_last),
      bytes(row.rss_peak),
      size(row.heap_last),
      size(row.heap_peak),
      size(row.heap_limit),
      size(row.external_last),
      row.cgroup_limit === null ? '-' : bytes(row.cgroup_limit),
    ])
  return [table(terminal, columns, body), ...rows.flatMap((row) => floorLine(terminal, row, rows.length > 1))].join('\n')
}

function floorLine(terminal: Terminal, row: MemoryReport, isOneOfMany: boolean): string[] {
  const { floor, pid } = row
  const who = isOneOfMany ? `${pid}: ` : ''
  if (growsUnjudged(row))
    return [
      `${who}heap in use grew from ${bytes(row.heap_first ?? 0)} to ${bytes(row.heap_last ?? 0)}`,
      terminal.paint.dim(`too few major collections (${row.collections}) to tell; run longer, or perf-agent snapshot, twice`),
    ]
  if (floor === null) return []
  const from = `${bytes(floor.first)} to ${bytes(floor.last)} over ${duration(floor.seconds * 1000)}, ${counted(floor.collections, 'collection')}`
  if (floor.verdict !== 'grows') return [terminal.paint.dim(`${who}heap after major collections: ${floor.verdict}, ${from}`)]
  const confidence = floor.confidence > 0.999 ? '>99.9%' : `${(floor.confidence * 100).toFixed(1)}%`
  return [
    terminal.paint.yellow(
      `${who}heap after major collections grows ${bytes(floor.bytes_per_minute)}/min (confidence ${confidence}): a leak?`,
    ),
    terminal.paint.dim(`${from}; what grows: perf-agent snapshot, twice, then perf-agent heap diff 1 2`),
  ]
}

/** Garbage collection by kind. */
export function collections(terminal: Terminal, loop: LoopReport | null): string {
  if (loop === null || loop.gc.length === 0) return ''
  const columns = [{ head: 'kind', flexible: true }, right('count'), right('total'), right('p50'), right('p95'), right('max')]
  const body = loop.gc.map((row) => [row.kind, count(row.count), ...[row.total_ms, row.p50_ms, row.p95_ms, row.max_ms].map(duration)])
  const whole = loop.gc_share === null ? [] : [terminal.paint.dim(`${share(loop.gc_share, 1)} of the time`)]
  return [table(terminal, columns, body), ...whole].join('\n')
}

/** How busy the event loop was, and what blocked it. */
export function eventLoop(terminal: Terminal, loop: LoopReport | null): string {
  if (loop === null) return ''
  const { utilization, delay_p50_ms, delay_max_ms, stalls } = loop
  const facts = [
    ...(utilization === null ? [] : [`${share(utilization, 1)} busy`]),
    ...(delay_p50_ms === null ? [] : [`delay ${duration(delay_p50_ms)} (median)`]),
    ...(delay_max_ms === null ? [] : [`${duration(delay_max_ms)} at most`]),
  ]
  const columns = [
    right('blocked'),
    right('times'),
    right('most'),
    { head: 'by', flexible: true },
    { head: 'at' },
    { head: 'in', flexible: true },
    { head: 'trace' },
  ]
  const body = stalls.map((row) => [
    duration(row.total_ms),
    count(row.count),
    duration(row.max_ms),
    oneLine(row.what),
    shortPlace(row.file === null ? undefined : `${path.basename(row.file)}:${row.line ?? '?'}`),
    oneLine(row.span ?? '-'),
    row.trace_id?.slice(0, 8) ?? '-',
  ])
  return [facts.join(', '), ...(stalls.length === 0 ? [] : [table(terminal, columns, body)])].filter((text) => text !== '').join('\n')
}

/** Worker threads of the app: how busy they were, and their heaps. */
export function workerThreads(terminal: Terminal, threads: readonly ThreadReport[]): string {
  if (threads.length === 0) return ''
  const columns = [
    { head: 'thread', flexible: true },
    ...['busy', 'most delay', 'blocked', 'longest', 'heap', 'peak', 'of'].map((head) => right(head)),
  ]
  const body = threads.map((row) => [
    `${row.thread} of ${row.pid ?? '?'}`,
    row.utilization === null ? '-' : share(row.utilization, 1),
    duration(row.delay_max_ms),
    count(row.stalls),
    duration(row.longest_ms),
    size(row.heap_bytes),
    size(row.heap_peak_bytes),
    size(row.heap_limit_bytes),
  ])
  return table(terminal, columns, body)
}
