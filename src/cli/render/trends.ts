import { trendMetrics, type NameTrend, type TrendChange, type TrendsData, type TrendSession } from '../../analysis/compare/trends.ts'
import { namesOf, signed } from './compare.ts'
import { count, counted, duration, money } from './format.ts'
import { cut, oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'

/** Trends for a person: one line per name with its course, then every change with the session and commit it began at; one name in full. */
export function trendsText(terminal: Terminal, service: string, data: TrendsData): string {
  const { paint } = terminal
  const { sessions, names } = data
  const of = oneLine(service) || 'no service'
  const parts: string[] = []
  if (names.length === 0) parts.push(`No call in the sessions of ${of} has a figure for ${data.metric}.`)
  else {
    parts.push(
      `${paint.bold(`${data.metric} over ${counted(sessions.length, 'session')} of ${of}`)}  ${paint.dim(span(sessions))}`,
      names.length === 1 && names[0] !== undefined ? nameInFull(terminal, data, names[0]) : courseTable(terminal, data),
    )
    const changes = names.flatMap((trend) => trend.changes.map((change) => changeLine(terminal, data, trend, change)))
    if (changes.length > 0) parts.push(changes.join('\n'))
    else
      parts.push(paint.dim(sessions.length < 4 ? 'A change of level needs two sessions before it and two after.' : 'No change of level.'))
  }
  if (data.left_out > 0) parts.push(paint.dim(`+ ${counted(data.left_out, 'more name')} (--limit, or --name for one)`))
  for (const problem of data.problems) parts.push(cut(`! ${problem}`, 400, terminal))
  return `${parts.join('\n\n')}\n`
}

const right = { align: 'right' as const }
const dayAndTime = (iso: string | null): string => (iso === null ? '-' : iso.slice(5, 16).replace('T', ' '))

function span(sessions: readonly TrendSession[]): string {
  return sessions.length === 0
    ? ''
    : `${dayAndTime(sessions[0]?.started_at ?? null)} to ${dayAndTime(sessions.at(-1)?.started_at ?? null)} (UTC)`
}

function courseTable(terminal: Terminal, data: TrendsData): string {
  const columns: TableColumn[] = [
    { head: 'name', flexible: true }, { head: 'course' }, { head: 'first', ...right }, { head: 'last', ...right }, { head: 'change' },
  ] // prettier-ignore
  const names = namesOf(data.names.map(({ layer, name }) => ({ layer, key: name })))
  const rows = data.names.map((trend, i) => {
    const present = trend.values.filter((value) => value !== null)
    return [
      names[i] ?? '',
      sparkline(terminal, trend.values),
      figure(data, present[0]),
      figure(data, present.at(-1)),
      summary(terminal, trend, data),
    ]
  })
  return table(terminal, columns, rows)
}

function summary(terminal: Terminal, { changes, drift, values }: NameTrend, data: TrendsData): string {
  const last = changes.at(-1)
  if (last !== undefined)
    return colour(
      terminal,
      last.difference,
      data,
      `${signed(last.difference)} since ${dayAndTime(data.sessions[last.index]?.started_at ?? null)}`,
    )
  if (drift !== null) return colour(terminal, drift, data, `${signed(drift)} a session`)
  return terminal.paint.dim(values.filter((value) => value !== null).length < 4 ? '' : 'level')
}

/** More calls are neither good nor bad. */
function colour({ paint }: Terminal, difference: number, { metric }: TrendsData, text: string): string {
  if (metric === 'calls') return text
  return difference > 0 ? paint.red(text) : paint.green(text)
}

function changeLine(terminal: Terminal, data: TrendsData, { name }: NameTrend, change: TrendChange): string {
  const commit =
    change.git_commit === null
      ? ''
      : `, commit ${change.git_commit.slice(0, 7)}${change.commit_before === null || change.commit_before === change.git_commit ? '' : ` (before: ${change.commit_before.slice(0, 7)})`}`
  const text = `${oneLine(name)}: ${figure(data, change.before)} -> ${figure(data, change.after)} (${signed(change.difference)}) since ${change.session}${commit}`
  return wrap(text, terminal.width, '  ')
}

function nameInFull(terminal: Terminal, data: TrendsData, { values, changes }: NameTrend): string {
  const columns: TableColumn[] = [
    { head: 'session', flexible: true },
    { head: 'commit' },
    { head: data.metric, ...right },
    { head: '' },
    { head: '' },
  ]
  const largest = Math.max(...values.map((value) => value ?? 0))
  const rows = data.sessions.map(({ session, git_commit }, i) => {
    const value = values[i] ?? null
    const change = changes.find(({ index }) => index === i)
    const bar = value === null || largest <= 0 ? '' : (terminal.unicode ? '█' : '#').repeat(Math.round((value / largest) * 16))
    return [
      session,
      git_commit?.slice(0, 7) ?? '-',
      figure(data, value),
      bar,
      change === undefined ? '' : colour(terminal, change.difference, data, signed(change.difference)),
    ]
  })
  return table(terminal, columns, rows)
}

function figure({ metric }: TrendsData, value: number | null | undefined): string {
  if (value === null || value === undefined) return '-'
  const { unit } = trendMetrics[metric]
  if (unit === 'ms') return duration(value)
  if (unit === 'usd') return money(value)
  return unit === 'share' ? `${(value * 100).toFixed(1)}%` : count(value)
}

const MAX_COURSE = 30

/** One character per session; a blank where there is no value. */
function sparkline(terminal: Terminal, all: readonly (number | null)[]): string {
  const steps = terminal.unicode ? '▁▂▃▄▅▆▇█' : '_.-~=*%#'
  const values = all.slice(-MAX_COURSE)
  const present = values.filter((value) => value !== null)
  const largest = Math.max(...present)
  // Small changes stay small: a level course is a flat line.
  const least = Math.min(...present, largest * 0.6)
  return values
    .map((value) => (value === null ? ' ' : (steps[largest === least ? 0 : Math.round(((value - least) / (largest - least)) * 7)] ?? ' ')))
    .join('')
}
