import type { StateChange, StateDiff, StateSnapshot } from '../../analysis/state-diff.ts'
import { bytes, count, counted } from './format.ts'
import { cut, oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

/** The state snapshots of a session, the newest `limit` of them. */
export function renderStates(terminal: Terminal, session: string, states: readonly StateSnapshot[], limit: number): string {
  if (states.length === 0) return `${session} has no snapshot of the app's state: snapshot(name, fn) of @perf/agent/api takes them.\n`
  const columns: TableColumn[] = [
    { head: '#', align: 'right' },
    { head: 'name', flexible: true },
    { head: 'taken (UTC)' },
    { head: 'why', flexible: true },
    { head: 'size', align: 'right' },
  ]
  const rows = states
    .slice(-limit)
    .map((state) => [
      String(state.snapshot),
      oneLine(state.name),
      state.time.replace('T', ' ').slice(0, 19),
      oneLine(state.error === null ? (state.reason ?? '') : `failed: ${state.error}`),
      state.bytes === null ? '-' : `${bytes(state.bytes)}${state.truncated ? ' (cut)' : ''}`,
    ])
  const more = states.length > limit ? `${terminal.paint.dim(`+ ${count(states.length - limit)} earlier ones`)}\n` : ''
  return `${table(terminal, columns, rows)}\n${more}`
}

/** Two of them compared: `+` added, `-` removed, `~` changed. */
export function renderStateDiff(terminal: Terminal, { before, after, changes }: StateDiff, limit: number): string {
  const { paint } = terminal
  const sum = (kind: StateChange['change']): number => changes.filter(({ change }) => change === kind).length
  const names = before.name === after.name ? before.name : `${before.name} -> ${after.name}`
  const head = `${paint.bold(oneLine(names))}  #${before.snapshot} -> #${after.snapshot}: ${sum('added')} added, ${sum('removed')} removed, ${sum('changed')} changed`
  const isPartial = before.truncated || after.truncated
  const lines = changes.slice(0, limit).map((change) => line(terminal, change))
  return [
    head,
    ...lines,
    ...(changes.length > limit ? [paint.dim(`+ ${counted(changes.length - limit, 'more difference')} (--limit shows more)`)] : []),
    ...(isPartial ? [paint.yellow('Note: a snapshot was too large and is not whole; what is missing shows as added or removed.')] : []),
    '',
  ].join('\n')
}

function line(terminal: Terminal, { path, change, before, after }: StateChange): string {
  const { paint } = terminal
  const place = oneLine(path.replace(/^\./, '')) || '(all)'
  const width = terminal.width - 2
  if (change === 'added') return paint.green(`+ ${cut(`${place}: ${JSON.stringify(after)}`, width, terminal)}`)
  if (change === 'removed') return paint.red(`- ${cut(`${place}: ${JSON.stringify(before)}`, width, terminal)}`)
  const half = Math.max(10, Math.floor((width - place.length - 6) / 2))
  return paint.yellow(
    `~ ${cut(`${place}: ${cut(JSON.stringify(before), half, terminal)} -> ${cut(JSON.stringify(after), half, terminal)}`, width, terminal)}`,
  )
}
