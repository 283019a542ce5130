import type { ReportData } from '../../analysis/report.ts'
import { cpuSection } from './cpu-tables.ts'
import { findingsTable } from './findings.ts'
import { count, counted, duration, money } from './format.ts'
import { allocationTables, heapGrowth } from './heap-report.ts'
import { glance } from './ai/glance.ts'
import { caches } from './caches.ts'
import { logs } from './logs.ts'
import { gaps } from './report-gaps.ts'
import { aiCalls, endpoints, errors, layers, names, open, queries } from './report-tables.ts'
import { collections, eventLoop, memory, workerThreads } from './runtime-tables.ts'
import { taskTable } from './tasks.ts'
import { cut, oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'
import { waterfall } from './waterfall.ts'

/** The report as text for the terminal. */
export function renderReport(terminal: Terminal, data: ReportData): string {
  const sections = [
    header(terminal, data),
    ...(data.totals.spans === 0 ? [nothingRecorded(data)] : []),
    section(terminal, 'What to change', findingsTable(terminal, data.findings.slice(0, 5), data.findings.length)),
    section(terminal, 'Where the time went', layers(terminal, data)),
    section(terminal, 'By name', names(terminal, data)),
    section(terminal, 'Slowest traces', traces(terminal, data)),
    section(terminal, 'CPU', cpuSection(terminal, data.cpu)),
    section(terminal, 'Event loop', eventLoop(terminal, data.loop)),
    section(terminal, 'Worker threads', workerThreads(terminal, data.threads)),
    section(terminal, 'Tasks', taskTable(terminal, data.tasks)),
    section(terminal, 'Memory', memory(terminal, data.memory)),
    section(terminal, 'Garbage collection', collections(terminal, data.loop)),
    section(terminal, 'Endpoints', endpoints(terminal, data)),
    section(terminal, 'AI calls', aiSection(terminal, data)),
    section(terminal, 'Caches', caches(terminal, data.caches)),
    section(terminal, 'Slow queries', queries(terminal, data)),
    section(terminal, 'Errors', errors(terminal, data)),
    section(terminal, 'Logs', logs(terminal, data.logs)),
    section(terminal, 'Heap growth', heapGrowth(terminal, data.heap)),
    section(terminal, 'Allocations', allocationTables(terminal, data.heap.allocations)),
    section(terminal, 'Not ended', open(terminal, data)),
    section(terminal, 'Not in this recording', gaps(terminal, data)),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function section(terminal: Terminal, title: string, body: string): string {
  return body === '' ? '' : `${terminal.paint.bold(title)}\n${body}`
}

/** AI calls by model, and the rest at a glance: it has pages of its own. */
function aiSection(terminal: Terminal, data: ReportData): string {
  return [aiCalls(terminal, data), data.ai_glance === null ? '' : glance(terminal, data.ai_glance)].filter((text) => text !== '').join('\n')
}

function header(terminal: Terminal, { session, totals, processes }: ReportData): string {
  const { paint } = terminal
  const state =
    session.state === 'crashed' ? paint.red(session.state) : session.state === 'live' ? paint.green(session.state) : session.state
  const facts = [
    `${counted(totals.spans, 'span')} in ${counted(totals.traces, 'trace')}`,
    totals.errors > 0 ? paint.red(counted(totals.errors, 'error')) : 'no errors',
    ...(totals.recorded_spans < totals.spans ? [`estimated from ${count(totals.recorded_spans)} recorded`] : []),
    ...(totals.open > 0 ? [`${count(totals.open)} still open`] : []),
    counted(totals.processes, 'process'),
    ...(totals.cost_usd === null ? [] : [`AI ${money(totals.cost_usd)}`]),
  ]
  const run = [
    session.started_at?.replace('T', ' ').slice(0, 19),
    session.duration_ms > 0 ? duration(session.duration_ms) : undefined,
    session.node === null ? undefined : `node ${session.node.replace(/^v/, '')}`,
    session.git_commit?.slice(0, 8),
  ]
  return [
    `${paint.bold(session.name)}  ${state}`,
    cut(commandLine(session.command), terminal.width, terminal),
    run.filter((text) => text !== undefined).join('  '),
    facts.join(', '),
    ...(session.problem === null ? [] : [paint.yellow(`Note: ${session.problem}.`)]),
    ...(processes.length > 1 ? [processTable(terminal, processes)] : []),
  ]
    .filter((line) => line !== '')
    .join('\n')
}

/** The command as it was typed, more or less: node and the script without their folders. */
function commandLine([program = '', script, ...args]: readonly string[]): string {
  const base = (file: string): string => file.split(/[\\/]/).at(-1) ?? file
  const parts = script === undefined ? [] : [script.split(/[\\/]/).slice(-2).join('/'), ...args]
  return [base(program), ...parts].join(' ')
}

function processTable(terminal: Terminal, processes: ReportData['processes']): string {
  const shown = processes
    .slice(0, 6)
    .map((process) => [
      `  ${process.pid}`,
      process.state + (process.exit_code ? ` (${process.exit_code})` : ''),
      count(process.spans),
      commandLine(process.command),
    ])
  const columns: TableColumn[] = [
    { head: '  pid' },
    { head: 'state' },
    { head: 'spans', align: 'right' },
    { head: 'command', flexible: true },
  ]
  return table(terminal, columns, shown) + (processes.length > 6 ? `\n  + ${processes.length - 6} more` : '')
}

function nothingRecorded({ session, processes, gaps: { problems, damaged } }: ReportData): string {
  if (problems.length + damaged.length > 0) return 'Nothing could be read of this session; the reasons are below.'
  if (processes.length === 0) {
    return `No process has written anything${session.state === 'live' ? ' yet' : ''}: the app ended before its first span, or never ran under the agent. See: perf-agent doctor`
  }
  return `Nothing was recorded${session.state === 'live' ? ' yet' : ''}: no library the agent knows was called. See: perf-agent doctor`
}

function traces(terminal: Terminal, { traces: rows }: ReportData): string {
  return rows
    .map((trace) => {
      const head = `${trace.trace_id.slice(0, 8)}  ${duration(trace.duration_ms)}  ${oneLine(trace.name)}`
      return `${terminal.paint.cyan(head)}\n${waterfall(terminal, trace.waterfall, trace.duration_ms, { hidden: trace.hidden })}`
    })
    .join('\n')
}
