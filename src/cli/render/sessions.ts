import os from 'node:os'
import path from 'node:path'
import type { SessionSummary } from '../../analysis/sessions.ts'
import { bytes, count } from './format.ts'
import { cut, oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

/** The recorded sessions as a table; tags and machines only where there is something to tell apart. */
export function sessionList(terminal: Terminal, sessions: readonly SessionSummary[], total: number): string {
  const hasTags = sessions.some(({ tags }) => tags.length > 0)
  const hasHosts = sessions.some(({ host }) => host !== null && host !== os.hostname())
  const columns: TableColumn[] = [
    { head: 'session' },
    { head: 'state' },
    { head: 'proc', align: 'right' },
    { head: 'spans', align: 'right' },
    { head: 'size', align: 'right' },
    ...(hasHosts ? [{ head: 'host', flexible: true }] : []),
    ...(hasTags ? [{ head: 'tags', flexible: true }] : []),
    { head: 'command', flexible: true },
  ]
  const rows = sessions.map((entry) => [
    entry.session,
    stateOf(terminal, entry),
    String(entry.processes),
    entry.spans === null ? '-' : count(entry.spans),
    bytes(entry.bytes),
    ...(hasHosts ? [oneLine(entry.host ?? '-')] : []),
    ...(hasTags ? [oneLine(entry.tags.join(' '))] : []),
    oneLine([path.basename(entry.command[0] ?? ''), ...entry.command.slice(1).map((part) => path.basename(part))].join(' ')),
  ])
  const problems = sessions.flatMap(({ session, problem }) => (problem === null ? [] : [cut(`! ${session}: ${problem}`, 400, terminal)]))
  const older = total > sessions.length ? [terminal.paint.dim(`+ ${total - sessions.length} older (--limit ${total})`)] : []
  return `${[table(terminal, columns, rows), ...problems, ...older].join('\n')}\n`
}

function stateOf(terminal: Terminal, { state, archived }: SessionSummary): string {
  const text = !archived ? state : state === 'done' ? 'archived' : `${state}, archived`
  return state === 'crashed' || state === 'unreadable' ? terminal.paint.red(text) : text
}
