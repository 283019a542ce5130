import path from 'node:path'
import type { TaskReport } from '../../analysis/task-report.ts'
import { count, duration } from './format.ts'
import { shortPlace } from './shown-file.ts'
import { oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

const right = (head: string): TableColumn => ({ head, align: 'right' })

/** Tasks for the terminal. */
export function renderTasks(terminal: Terminal, report: TaskReport): string {
  return `${taskTable(terminal, report) || 'Nothing is pending, or asynchronous operations were not watched (PERF_ASYNC=on).'}\n`
}

/** The same as a section of the report; empty where nothing was watched. */
export function taskTable(terminal: Terminal, report: TaskReport | null): string {
  if (report === null || report.tasks.length === 0) return ''
  const { pending, never_settled, orphans, tasks } = report
  const facts = [
    `${count(pending)} pending`,
    `${count(never_settled)} ${never_settled === 1 ? 'promise' : 'promises'} never settled`,
    `${count(orphans)} begun outside their span`,
  ]
  const columns = [
    right('age'),
    right('count'),
    { head: 'what' },
    { head: 'begun by', flexible: true },
    { head: 'at' },
    { head: 'in', flexible: true },
  ]
  const body = tasks.map((row) => [
    row.state === 'pending' ? duration(row.age_ms) : '-',
    count(row.count),
    row.state === 'pending' ? (row.kind === 'other' ? row.type : row.kind) : row.state,
    oneLine(row.function ?? '-'),
    shortPlace(row.file === null ? undefined : `${path.basename(row.file)}:${row.line ?? '?'}`),
    row.span_name === null ? '-' : `${oneLine(row.span_name)}${row.span_ended ? ' (ended)' : ''}`,
  ])
  return `${facts.join(', ')}\n${table(terminal, columns, body)}`
}
