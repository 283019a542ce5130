import type { Learning } from '../../analysis/audit/learn.ts'
import { ruleId, metricOf, type Threshold } from '../../analysis/audit/threshold.ts'
import { counted } from './format.ts'
import { figure } from './audit.ts'
import { oneLine, table } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'

export interface LearningFacts extends Learning {
  service: string | null
  kept: Threshold[]
  unread: string[]
  /** File that was written. */
  written: string | null
  wantsWrite: boolean
  minSessions: number
  minCalls: number
  /** Name of the config file. */
  file: string
}

/** What `audit --learn` proposes, for people. */
export function renderLearning(terminal: Terminal, facts: LearningFacts): string {
  const { paint, width } = terminal
  const { thresholds, sessions, minSessions, minCalls, missing } = facts
  const of = facts.service === null ? '' : ` of ${facts.service}`
  const parts = [`${paint.bold(`${counted(sessions, 'session')}${of}`)}`]
  if (thresholds.length > 0) parts.push(table(terminal, COLUMNS, thresholds.map(row)))
  else
    parts.push(
      wrap(
        sessions < minSessions
          ? `Not enough data yet: it takes ${counted(minSessions, 'session')}, ${minSessions - sessions} more than there are (--min-sessions).`
          : `Not enough data yet: no name has ${counted(minCalls, 'call')} in each of ${counted(minSessions, 'session')} (--min-calls, --min-sessions).`,
        width,
      ),
    )
  if (missing.length > 0 && (thresholds.length > 0 || sessions >= minSessions)) parts.push(missingText(terminal, facts))
  if (facts.kept.length > 0)
    parts.push(wrap(`${counted(facts.kept.length, 'threshold')} in ${facts.file} ${facts.kept.length === 1 ? 'is' : 'are'} your own and ${facts.kept.length === 1 ? 'stays' : 'stay'} as written: ${facts.kept.map(ruleId).join(', ')}.`, width)) // prettier-ignore
  if (facts.unread.length > 0) parts.push(wrap(`! could not be read: ${facts.unread.join(', ')}`, width))
  if (facts.written !== null) parts.push(paint.green(`Written to ${facts.file}.`))
  else if (thresholds.length > 0 && !facts.wantsWrite)
    parts.push(`Put them into ${facts.file} with: ${paint.cyan('perf-agent audit --learn --write')}`)
  return `${parts.join('\n\n')}\n`
}

const COLUMNS = [
  { head: 'layer' },
  { head: 'name', flexible: true },
  { head: 'metric' },
  { head: 'seen', align: 'right' as const },
  { head: 'max', align: 'right' as const },
  { head: 'sessions', align: 'right' as const },
]

function row(threshold: Threshold): string[] {
  const { unit } = metricOf(threshold)
  const { layer = '', name = '', metric = '', max = 0, learned } = threshold
  const plain = oneLine(name.replace(/\\([\\*?])/g, '$1'))
  return [layer, plain, metric, figure(learned?.seen ?? 0, unit), figure(max, unit), String(learned?.sessions ?? 0)]
}

function missingText(terminal: Terminal, { missing, minCalls }: LearningFacts): string {
  const lines = missing
    .slice(0, 5)
    .map(({ layer, name, sessions, needed }) => wrap(`  ${layer} ${oneLine(name.replace(/\\([\\*?])/g, '$1'))}: ${sessions} of ${counted(needed, 'session')}, ${needed - sessions} more`, terminal.width, '    ')) // prettier-ignore
  if (missing.length > lines.length) lines.push(`  + ${missing.length - lines.length} more`)
  return `Too little data yet (sessions with ${counted(minCalls, 'call')} or more)\n${lines.join('\n')}`
}
