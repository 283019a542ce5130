import { text } from 'node:stream/consumers'
import type { Json } from '@duckdb/node-api'
import { refreshFindings } from '../../analysis/refresh-findings.ts'
import { UsageError } from '../../errors.ts'
import type { QueryResult } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { counted } from '../render/format.ts'
import { cut, table } from '../render/table.ts'
import { terminalOf } from '../render/terminal.ts'

/** `perf-agent sql`: runs a query over a session's views; a table, `--json` (an array of objects) or `--csv`. */
export async function sql(query: string | undefined, options: CommonOptions & { csv?: boolean; sync?: boolean }): Promise<void> {
  if (query === undefined && process.stdin.isTTY)
    throw new UsageError(`Give a query: perf-agent sql "SELECT name, count(*) FROM spans GROUP BY name".`)
  const statement = query ?? (await text(process.stdin))
  if (statement.trim() === '') throw new UsageError('The query is empty.')
  if (/\bfindings\b/i.test(statement)) await refreshFindings(await openNamedSession(options))
  const reader = await openNamedSession(options)
  try {
    const results = await reader.query(statement)
    const last = results.at(-1)
    if (options.json === true) process.stdout.write(`${JSON.stringify(last?.rows ?? [], null, process.stdout.isTTY ? 2 : undefined)}\n`)
    else if (options.csv === true) process.stdout.write(last === undefined ? '' : csv(last))
    else process.stdout.write(results.map(asTable).join('\n'))
  } finally {
    reader.close()
  }
}

const NUMERIC = /INT|DOUBLE|FLOAT|DECIMAL/

function asTable(result: QueryResult): string {
  if (result.columns.length === 0) return ''
  const terminal = terminalOf()
  // A pipe gets whole values: what is cut there is lost.
  const width = process.stdout.isTTY ? 60 : Infinity
  const columns = result.columns.map((head, i) => ({
    head,
    align: NUMERIC.test(result.types[i] ?? '') ? ('right' as const) : ('left' as const),
    flexible: true,
  }))
  const rows = result.rows.map((row) => result.columns.map((column) => cut(cell(row[column] ?? null), width, terminal)))
  const target = process.stdout.isTTY ? terminal : { ...terminal, width: Infinity }
  const summary = counted(result.rows.length, 'row')
  return `${table(target, columns, rows)}\n${terminal.paint.dim(`(${summary})`)}\n`
}

function cell(value: Json): string {
  if (value === null) return ''
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(12)))
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function csv(result: QueryResult): string {
  const line = (values: string[]): string =>
    `${values.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(',')}\r\n`
  return line(result.columns) + result.rows.map((row) => line(result.columns.map((column) => cell(row[column] ?? null)))).join('')
}
