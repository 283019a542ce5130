import type { ReportData } from '../../../analysis/report.ts'
import { bytes, count } from '../format.ts'
import { duration } from './figures.ts'
import { code, layerTag, number, place, text, type TraceLink } from './columns.ts'
import { dataTable } from './data-table.ts'
import type { Part } from './markup.ts'

// What the processes did: memory, event loop, collections, tasks, logs, CPU.

const size = (value: number | null): string => (value === null ? '-' : bytes(value))

type OpenRow = ReportData['open'][number]
/** Spans that did not end. */
export const openSpans = (rows: readonly OpenRow[]): Part =>
  dataTable<OpenRow>(
    'Not ended',
    [
      text('name', (row) => row.name, true),
      text('layer', (row) => layerTag(row.layer)),
      number('count', (row) => row.count, count),
      text('since', (row) => row.since.slice(11, 23)),
      text('process', (row) => row.state),
    ],
    rows,
  )

type Process = ReportData['processes'][number]
/** The processes of the session. */
export const processes = (rows: readonly Process[]): Part =>
  dataTable<Process>(
    'Processes',
    [
      number('pid', (row) => row.pid, String),
      text('state', (row) => row.state + (row.exit_code ? ` (${row.exit_code})` : '')),
      number('spans', (row) => row.spans, count),
      text('command', (row) => code(row.command.join(' ')), true),
    ],
    rows,
  )

type Collection = NonNullable<ReportData['loop']>['gc'][number]
/** Collections by kind. */
export const collections = (rows: readonly Collection[]): Part =>
  dataTable<Collection>(
    'Garbage collections',
    [
      text('kind', (row) => row.kind, true),
      number('count', (row) => row.count, count),
      number('total', (row) => row.total_ms, duration),
      number('p50', (row) => row.p50_ms, duration),
      number('p95', (row) => row.p95_ms, duration),
      number('max', (row) => row.max_ms, duration),
    ],
    rows,
  )

type Stall = NonNullable<ReportData['loop']>['stalls'][number]
/** What blocked the event loop. */
export const stalls = (rows: readonly Stall[], link: TraceLink): Part =>
  dataTable<Stall>(
    'What blocked the event loop',
    [
      text('by', (row) => code(row.what), true),
      text('at', place),
      text('in', (row) => row.span ?? '-'),
      number('times', (row) => row.count, count),
      number('total', (row) => row.total_ms, duration),
      number('longest', (row) => row.max_ms, duration),
      text('trace', (row) => link(row.trace_id)),
    ],
    rows,
  )

type Memory = ReportData['memory'][number]
/** Memory by process. */
export const memory = (rows: readonly Memory[]): Part =>
  dataTable<Memory>(
    'Memory',
    [
      number('pid', (row) => row.pid, String),
      number('resident', (row) => row.rss_last, size),
      number('peak', (row) => row.rss_peak, size),
      number('heap', (row) => row.heap_last, size),
      number('heap peak', (row) => row.heap_peak, size),
      number('heap limit', (row) => row.heap_limit, size),
      number('external', (row) => row.external_last, size),
      text('after major collections', ({ floor }) => floor === null ? '-' : floor.verdict === 'steady' ? 'steady' : `${floor.verdict} ${bytes(Math.abs(floor.bytes_per_minute))}/min`, true),
    ],
    rows,
  ) // prettier-ignore

type Growth = ReportData['heap']['growth'][number]
/** Classes that grew from the first heap snapshot to the last. */
export const growth = (rows: readonly Growth[]): Part =>
  dataTable<Growth>(
    'Heap growth between snapshots',
    [
      text('class', (row) => code(row.class), true),
      number('before', (row) => row.count_before, count),
      number('after', (row) => row.count_after, count),
      number('growth', (row) => row.bytes_change, size),
    ],
    rows,
  )

type Site = ReportData['heap']['allocations']['sites'][number]
/** Where was allocated. */
export const allocations = (rows: readonly Site[]): Part =>
  dataTable<Site>(
    'Allocations',
    [text('function', (row) => code(row.function), true), text('at', place), number('bytes', (row) => row.bytes, size)],
    rows,
  )

type Task = NonNullable<ReportData['tasks']>['tasks'][number]
/** What was not over. */
export const tasks = (rows: readonly Task[]): Part =>
  dataTable<Task>(
    'Tasks',
    [
      text('state', (row) => row.state),
      text('type', (row) => row.type),
      text('begun at', (row) => [row.function ?? '', ' ', place(row)], true),
      text('span', (row) => row.span_name ?? '-'),
      number('count', (row) => row.count, count),
      number('age', (row) => row.age_ms, duration),
    ],
    rows,
  )

type Line = NonNullable<ReportData['logs']>['failing'][number]
/** Last lines of failing traces. */
export const logLines = (rows: readonly Line[], link: TraceLink): Part =>
  dataTable<Line>(
    'Last log lines of traces that failed',
    [
      text('time', (row) => row.time.slice(11, 23)),
      text('level', (row) => row.level ?? '-'),
      text('message', (row) => row.message ?? '', true),
      text('trace', (row) => link(row.trace_id)),
    ],
    rows,
  )

type Cpu = NonNullable<ReportData['cpu']>['functions'][number]
/** Functions by their own CPU time. */
export function functions(rows: readonly Cpu[]): Part {
  const most = Math.max(...rows.map(({ self }) => self), 1)
  return dataTable<Cpu>(
    'Functions by CPU',
    [
      text('function', (row) => code(row.function), true),
      text('at', place),
      text('mostly in', (row) => row.span ?? '-'),
      { head: 'self', isNumber: true, cell: (row) => ({ show: duration(row.self / 1000), value: row.self, bar: row.self / most }) },
      number('with what it called', (row) => row.total, (us) => duration((us ?? 0) / 1000)),
    ],
    rows,
  ) // prettier-ignore
}
