import path from 'node:path'
import { summarizeSessions } from '../../analysis/sessions.ts'
import type { CommonOptions } from '../command.ts'
import { sessionsDir } from '../open.ts'
import { bytes, count } from '../render/format.ts'
import { cut, oneLine, table } from '../render/table.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

/** `perf-agent sessions`: what was recorded, newest first. */
export async function sessions(_: undefined, options: CommonOptions & { limit?: string }): Promise<void> {
  const dir = sessionsDir(options)
  const { sessions: found, total } = await summarizeSessions(dir, positiveInteger('--limit', options.limit ?? '20'))
  const wanted =
    options.session === undefined || options.session === 'last'
      ? found
      : found.filter((entry) => entry.session.startsWith(options.session ?? ''))
  const shown = options.session === 'last' ? wanted.slice(0, 1) : wanted
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(shown, null, process.stdout.isTTY ? 2 : undefined)}\n`)
    return
  }
  if (shown.length === 0) {
    process.stdout.write(`No sessions in ${path.relative(process.cwd(), dir) || dir}. Record one with: node --import @perf/agent app.js\n`)
    return
  }
  const terminal = terminalOf()
  const rows = shown.map((entry) => [
    entry.session,
    entry.state === 'crashed' || entry.state === 'unreadable' ? terminal.paint.red(entry.state) : entry.state,
    String(entry.processes),
    entry.spans === null ? '-' : count(entry.spans),
    bytes(entry.bytes),
    oneLine([path.basename(entry.command[0] ?? ''), ...entry.command.slice(1).map((part) => path.basename(part))].join(' ')),
  ])
  const columns = [
    { head: 'session' },
    { head: 'state' },
    { head: 'proc', align: 'right' as const },
    { head: 'spans', align: 'right' as const },
    { head: 'size', align: 'right' as const },
    { head: 'command', flexible: true },
  ]
  process.stdout.write(`${table(terminal, columns, rows)}\n`)
  for (const entry of shown)
    if (entry.problem !== null) process.stdout.write(`${cut(`! ${entry.session}: ${entry.problem}`, 400, terminal)}\n`)
  if (total > found.length) process.stdout.write(terminal.paint.dim(`+ ${total - found.length} older (--limit ${total})\n`))
}
