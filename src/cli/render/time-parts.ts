import type { TimeParts } from '../../analysis/time-parts.ts'
import { bytes, counted, duration } from './format.ts'
import { oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

const MAX_ROWS = 10

/** What the time of the spans with the longest self time was; empty where nothing but their duration is known. */
export function timePartsTable(terminal: Terminal, parts: readonly TimeParts[]): string {
  const rows = parts.slice(0, MAX_ROWS).filter((row) => row.self_ms > 0)
  const figures = (['cpu_ms', 'io_ms', 'pool_ms', 'loop_ms', 'blocking_ms', 'gc_ms', 'heap_bytes'] as const).filter((key) =>
    rows.some((row) => (row[key] ?? 0) !== 0),
  )
  if (!figures.some((key) => key !== 'io_ms')) return ''
  const heads = { cpu_ms: 'cpu', io_ms: 'i/o', pool_ms: 'pool', loop_ms: 'loop', blocking_ms: 'blocks', gc_ms: 'gc*', heap_bytes: 'heap*' }
  const columns: TableColumn[] = [
    { head: 'where the time went', flexible: true },
    { head: 'self', align: 'right' },
    ...figures.map((key): TableColumn => ({ head: heads[key], align: 'right' })),
  ]
  const body = rows.map((row) => [
    oneLine(row.name),
    duration(row.self_ms),
    ...figures.map((key) => (key === 'heap_bytes' ? change(row.heap_bytes) : part(row[key]))),
  ])
  const notes = [
    ...(figures.includes('loop_ms') ? ['loop: waiting while other code blocked the event loop'] : []),
    ...(figures.includes('blocking_ms') ? ['blocks: own code that blocked it'] : []),
    ...(figures.includes('gc_ms') || figures.includes('heap_bytes') ? ['* of the whole process'] : []),
  ]
  const hidden = parts.length - rows.length
  const more = hidden > 0 ? [terminal.paint.dim(`+ ${counted(hidden, 'more span')}`)] : []
  return [table(terminal, columns, body), ...more, ...notes.map((note) => terminal.paint.dim(note))].join('\n')
}

const part = (ms: number | null): string => (ms === null ? '-' : ms === 0 ? '0' : duration(ms))
const change = (value: number | null): string => (value === null ? '-' : `${value < 0 ? '-' : '+'}${bytes(Math.abs(value))}`)
