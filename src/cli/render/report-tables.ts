import type { ReportData, Timing } from '../../analysis/report.ts'
import { count, duration, money, share } from './format.ts'
import { oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

const right = (head: string): TableColumn => ({ head, align: 'right' })
const TIMES = [right('total'), right('self'), right('p50'), right('p95'), right('p99')]
const times = (row: Timing): string[] => [row.total_ms, row.self_ms, row.p50_ms, row.p95_ms, row.p99_ms].map(duration)

/** Time by layer. */
export function layers(terminal: Terminal, { layers: rows }: ReportData): string {
  const whole = rows.reduce((sum, row) => sum + (row.self_ms ?? 0), 0)
  const columns = [{ head: 'layer', flexible: true }, right('count'), right('%self'), ...TIMES, right('err')]
  return rows.length === 0
    ? ''
    : table(
        terminal,
        columns,
        rows.map((row) => [row.layer, count(row.count), share(row.self_ms, whole), ...times(row), failed(terminal, row.errors)]),
      )
}

const nameAndTarget = ({ name, target }: { name: string; target: string | null }): string =>
  oneLine(target === null ? name : `${name} ${target}`)

/** Time by name. */
export function names(terminal: Terminal, { names: rows }: ReportData): string {
  const columns = [{ head: 'name', flexible: true }, { head: 'layer' }, right('count'), ...TIMES, right('err')]
  return rows.length === 0
    ? ''
    : table(
        terminal,
        columns,
        rows.map((row) => [nameAndTarget(row), row.layer, count(row.count), ...times(row), failed(terminal, row.errors)]),
      )
}

/** Requests served, slowest first. */
export function endpoints(terminal: Terminal, { endpoints: rows }: ReportData): string {
  const columns = [
    { head: 'route', flexible: true },
    right('count'),
    right('total'),
    right('p50'),
    right('p95'),
    right('p99'),
    right('err'),
  ]
  return rows.length === 0
    ? ''
    : table(
        terminal,
        columns,
        rows.map((row) => [
          oneLine(row.route),
          count(row.count),
          duration(row.total_ms),
          duration(row.p50_ms),
          duration(row.p95_ms),
          duration(row.p99_ms),
          failed(terminal, row.errors),
        ]),
      )
}

/** AI calls by model. */
export function aiCalls(terminal: Terminal, { ai: rows }: Pick<ReportData, 'ai'>): string {
  const columns = [
    { head: 'model', flexible: true },
    right('calls'),
    right('in'),
    right('out'),
    right('cost'),
    right('first'),
    right('p50'),
    right('p95'),
    right('err'),
  ]
  return rows.length === 0
    ? ''
    : table(
        terminal,
        columns,
        rows.map((row) => [
          row.model ?? '(unknown)',
          count(row.calls),
          count(row.input_tokens),
          count(row.output_tokens),
          money(row.cost_usd),
          duration(row.first_token_p50_ms),
          duration(row.p50_ms),
          duration(row.p95_ms),
          failed(terminal, row.errors),
        ]),
      )
}

/** Statements, slowest first. */
export function queries(terminal: Terminal, { queries: rows }: ReportData): string {
  const columns = [
    { head: 'statement', flexible: true },
    right('count'),
    right('total'),
    right('p50'),
    right('p95'),
    right('max'),
    right('wait'),
  ]
  return rows.length === 0
    ? ''
    : table(
        terminal,
        columns,
        rows.map((row) => [
          oneLine(row.statement),
          count(row.count),
          duration(row.total_ms),
          duration(row.p50_ms),
          duration(row.p95_ms),
          duration(row.max_ms),
          duration(row.pool_wait_ms),
        ]),
      )
}

/** Errors by type and place. */
export function errors(terminal: Terminal, { errors: rows }: ReportData): string {
  const columns = [
    right('count'),
    { head: 'error' },
    { head: 'where', flexible: true },
    { head: 'message', flexible: true },
    { head: 'trace' },
  ]
  return rows.length === 0
    ? ''
    : table(
        terminal,
        columns,
        rows.map((row) => [
          count(row.count),
          row.error_type ?? '-',
          `${row.layer} ${nameAndTarget(row)}`,
          oneLine(row.message ?? ''),
          row.trace_id.slice(0, 8),
        ]),
      )
}

/** Spans that did not end. */
export function open(terminal: Terminal, { open: rows }: ReportData): string {
  const columns = [right('count'), { head: 'name', flexible: true }, { head: 'layer' }, { head: 'since' }, { head: 'process' }]
  const lines = rows.map((row) => [count(row.count), oneLine(row.name), row.layer, row.since.slice(11, 23), row.state])
  return rows.length === 0 ? '' : table(terminal, columns, lines)
}

function failed(terminal: Terminal, errors: number): string {
  return errors > 0 ? terminal.paint.red(count(errors)) : '0'
}
