import path from 'node:path'
import type { ClassChange, HeapDiff, HeldClass } from '../../analysis/heap-diff.ts'
import type { ClassTable } from '../../store/heap/class-table.ts'
import type { HoldingPath, HoldingStep } from '../../store/heap/holding-path.ts'
import type { SessionSnapshot } from '../../store/heap/session-snapshots.ts'
import { bytes, count, counted, duration, share } from './format.ts'
import { cut, oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

/** The heap snapshots of a session, and what to do with them. */
export function renderSnapshots(terminal: Terminal, session: string, snapshots: readonly SessionSnapshot[]): string {
  if (snapshots.length === 0) return `${session} has no heap snapshot.\n`
  const hasThreads = snapshots.some(({ thread }) => thread !== 0)
  const columns: TableColumn[] = [
    { head: '#', align: 'right' },
    { head: 'taken (UTC)' },
    ...(hasThreads ? [{ head: 'thread', align: 'right' as const }] : []),
    { head: 'why', flexible: true },
    { head: 'heap', align: 'right' },
    { head: 'objects', align: 'right' },
    { head: 'pause', align: 'right' },
    { head: 'file', align: 'right' },
  ]
  const rows = snapshots.map(({ number, takenMs, thread, facts, size }) => [
    String(number),
    new Date(takenMs).toISOString().replace('T', ' ').slice(0, 19),
    ...(hasThreads ? [thread === 0 ? 'main' : String(thread)] : []),
    oneLine(facts.reason ?? ''),
    facts.heapUsedBytes === undefined ? '-' : bytes(facts.heapUsedBytes),
    count(facts.objects),
    duration(facts.pauseMs),
    bytes(size),
  ])
  const next = snapshots.length > 1 ? 'perf-agent heap diff first last' : 'perf-agent heap 1'
  return `${table(terminal, columns, rows)}\n\nNext: ${next}\n`
}

/** One snapshot by class. */
export function renderClasses(terminal: Terminal, file: string, snapshot: ClassTable, limit: number): string {
  const columns: TableColumn[] = [
    { head: 'class', flexible: true },
    { head: 'objects', align: 'right' },
    { head: 'own size', align: 'right' },
    { head: 'share', align: 'right' },
  ]
  const rows = snapshot.classes
    .slice(0, limit)
    .map((entry) => [oneLine(entry.name), count(entry.count), bytes(entry.selfBytes), share(entry.selfBytes, snapshot.selfBytes)])
  const rest = snapshot.classes.length - rows.length
  return [
    `${terminal.paint.bold(path.basename(file))}  ${counted(snapshot.objects, 'object')}, ${bytes(snapshot.selfBytes)}`,
    table(terminal, columns, rows),
    ...(rest > 0 ? [terminal.paint.dim(`+ ${count(rest)} smaller classes (--limit shows more)`)] : []),
    '',
  ].join('\n')
}

/** Two snapshots compared: what grew, what holds it, what became less. */
export function renderHeapDiff(terminal: Terminal, files: readonly [string, string], diff: HeapDiff, limit: number): string {
  const { paint } = terminal
  const change = diff.bytes_after - diff.bytes_before
  const head = `${bytes(diff.bytes_before)} -> ${bytes(diff.bytes_after)} (${signedBytes(change)}), ${signed(diff.objects_after - diff.objects_before)} objects`
  const sections = [
    `${paint.bold(`${path.basename(files[0])} -> ${path.basename(files[1])}`)}\n${head}`,
    section(terminal, 'What grew', changes(terminal, diff.grown, limit)),
    ...diff.held.map((held) => section(terminal, holdingTitle(held), holding(terminal, held.path))),
    section(terminal, 'What became less', changes(terminal, diff.shrunk, Math.min(5, limit))),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function section(terminal: Terminal, title: string, body: string): string {
  return body === '' ? '' : `${terminal.paint.bold(title)}\n${body}`
}

function changes(terminal: Terminal, rows: readonly ClassChange[], limit: number): string {
  if (rows.length === 0) return ''
  const columns: TableColumn[] = [
    { head: 'class', flexible: true },
    { head: 'objects', align: 'right' },
    { head: 'change', align: 'right' },
    { head: 'own size', align: 'right' },
    { head: 'change', align: 'right' },
  ]
  const cells = rows
    .slice(0, limit)
    .map((row) => [
      oneLine(row.class) + (row.is_new ? ' (new)' : ''),
      count(row.count_after),
      signed(row.count_change),
      bytes(row.bytes_after),
      signedBytes(row.bytes_change),
    ])
  const rest = rows.length - cells.length
  return table(terminal, columns, cells) + (rest > 0 ? `\n${terminal.paint.dim(`+ ${count(rest)} more`)}` : '')
}

function holdingTitle({ class: name, retained_bytes: retained, path: { objects, looked } }: HeldClass): string {
  const seen = objects === looked ? `all ${count(looked)}` : `${count(objects)} of ${count(looked)}`
  return `What holds ${oneLine(name).slice(0, 36)} (${bytes(retained)} retained; ${seen} looked at)`
}

/** A line for each reference from the root down, the names people gave first. */
function holding(terminal: Terminal, { steps }: HoldingPath): string {
  const lines = steps.map((step, depth) => {
    const indent = '  '.repeat(Math.min(depth, 12))
    return indent + cut(`${reference(step)}${terminal.unicode ? ' → ' : ' -> '}${step.class}`, terminal.width - indent.length, terminal)
  })
  return lines.join('\n')
}

function reference({ how, name, repeats }: HoldingStep): string {
  const text = {
    root: oneLine(name) || 'root',
    property: name === '*' ? '[any property]' : `.${oneLine(name)}`,
    variable: name === '' ? 'variable of a block' : `variable ${oneLine(name)}`,
    element: '[element]',
    entry: '[entry]',
    internal: `(${oneLine(name) || 'internal'})`,
  }[how]
  return repeats === true ? `${text} (again and again)` : text
}

const signed = (value: number): string => (value > 0 ? `+${count(value)}` : value < 0 ? `-${count(-value)}` : '0')
const signedBytes = (value: number): string => (value > 0 ? `+${bytes(value)}` : value < 0 ? `-${bytes(-value)}` : '0 B')
