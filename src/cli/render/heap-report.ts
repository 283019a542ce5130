import type { Allocations, HeapReport } from '../../analysis/heap-report.ts'
import { bytes, count, share } from './format.ts'
import { oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

/** Classes that grew between two heap snapshots; empty without them. */
export function heapGrowth(terminal: Terminal, { snapshots, growth }: HeapReport): string {
  if (snapshots === 0) return ''
  const next = snapshots > 1 ? 'perf-agent heap diff first last' : 'perf-agent heap 1'
  const hint = terminal.paint.dim(`${count(snapshots)} heap ${snapshots === 1 ? 'snapshot' : 'snapshots'}. Next: ${next}`)
  if (growth.length === 0) return hint
  const columns: TableColumn[] = [
    { head: 'class', flexible: true },
    { head: 'objects', align: 'right' },
    { head: 'change', align: 'right' },
    { head: 'own size', align: 'right' },
  ]
  const rows = growth.map((row) => {
    const more = row.count_after - row.count_before
    return [oneLine(row.class), count(row.count_after), more > 0 ? `+${count(more)}` : count(more), `+${bytes(row.bytes_change)}`]
  })
  return `${table(terminal, columns, rows)}\n${hint}`
}

/** Where was allocated, by call site and by span; empty without a heap profile. */
export function allocationTables(terminal: Terminal, { total_bytes: total, sites, spans }: Allocations): string {
  if (sites.length === 0 && spans.length === 0) return ''
  const columns = (head: string): TableColumn[] => [
    { head, flexible: true },
    { head: 'where', flexible: true },
    { head: 'bytes', align: 'right' },
    { head: 'share', align: 'right' },
  ]
  const bySite = sites.map((site) => [
    oneLine(site.function),
    site.file === null ? '' : oneLine(`${site.file}${site.line === null ? '' : `:${site.line}`}`),
    bytes(site.bytes),
    share(site.bytes, total),
  ])
  const attributed = spans.reduce((sum, span) => sum + span.bytes, 0)
  const bySpan = spans.map((span) => [
    span.name === null ? '(no span)' : oneLine(span.name),
    span.layer ?? '',
    bytes(span.bytes),
    share(span.bytes, attributed),
  ])
  const parts = [
    ...(bySite.length > 0 ? [table(terminal, columns('function'), bySite)] : []),
    ...(bySpan.length > 0 ? [table(terminal, columns('span'), bySpan)] : []),
  ]
  return parts.join('\n\n')
}
