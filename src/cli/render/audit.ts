import type { AuditResult, Check } from '../../analysis/audit/audit-session.ts'
import type { Subject, Violation } from '../../analysis/audit/violation.ts'
import type { BothWays } from '../behaviour/run-both-ways.ts'
import type { ConfigFile } from '../project-config.ts'
import { bytes, count, counted, duration, money } from './format.ts'
import { cut, oneLine } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'

/** Everything an audit came to, for every way of telling it. */
export interface AuditOutcome {
  session: string
  /** Undefined when no command was run. */
  behaviour: BothWays | undefined
  /** Its command did not behave the same with the agent, now or when it was recorded. */
  isRejected: boolean
  /** Undefined for a rejected recording. */
  result: AuditResult | undefined
  file: ConfigFile
  /** For each threshold: it is of perf.config.json. */
  isOwn: boolean[]
}

/** The result of an audit for people: what is not kept, what could not be told, how much was checked. */
export function renderAudit(terminal: Terminal, { session, result, isOwn: ownOnes }: AuditOutcome): string {
  const { paint } = terminal
  if (result === undefined)
    return `${paint.bold(session)}  ${paint.red('rejected')}\n${wrap('Its command did not behave the same with the agent: thresholds say nothing about it.', terminal.width)}\n`
  const { checks, violations } = result
  const isOwn = ownOnes.includes(true)
  const failed = violations.filter(({ level }) => level === 'fail').length
  const warned = violations.length - failed
  const kept = checks.filter(({ status }) => status === 'ok').length
  const thresholds = isOwn ? 'thresholds of perf.config.json' : 'built-in thresholds (docs/audit.md)'
  const verdict = failed > 0 ? paint.red(`${failed} failed`) : warned > 0 ? paint.yellow('passed with warnings') : paint.green('passed')
  const head = `${paint.bold(session)}  ${verdict}`
  const figures = [`${kept} kept`, failed > 0 ? `${failed} failed` : '', warned > 0 ? `${warned} warned` : '', unclear(checks)]
  const parts = [
    head,
    paint.dim(
      wrap(
        `${counted(checks.length, 'check')} against the ${thresholds}: ${figures.filter((text) => text !== '').join(', ')}`,
        terminal.width,
      ),
    ),
    ...violations.map((violation) => `\n${violationLines(terminal, violation)}`),
    missingLines(terminal, checks, isOwn),
  ]
  return `${parts.filter((text) => text !== '').join('\n')}\n`
}

function unclear(checks: readonly Check[]): string {
  const missing = checks.filter(({ status }) => status === 'no data').length
  return missing > 0 ? `${missing} without enough data` : ''
}

function violationLines(terminal: Terminal, violation: Violation): string {
  const { paint, width } = terminal
  const mark = violation.level === 'fail' ? paint.red('fail    ') : paint.yellow('warn    ')
  const places = violation.places.map(({ file, line }) => (line === null ? file : `${file}:${line}`)).join('  ')
  const [first = '', ...rest] = wrap(violationSentence(violation), width - 8, '        ').split('\n')
  const lines = [
    `${mark}${paint.bold(first)}`,
    ...rest.map((line) => paint.bold(line)),
    paint.dim(
      `        ${cut([violation.rule, callsText(violation), violation.id].filter((text) => text !== '').join('  '), width - 8, terminal)}`,
    ),
    places === '' ? '' : `        ${cut(places, width - 8, terminal)}`,
    `        ${wrap(oneLine(violation.advice), width - 8, '        ')}`,
    `        ${paint.cyan(cut(violation.next_command, width - 8, terminal))}`,
  ]
  return lines.filter((line) => line !== '').join('\n')
}

const callsText = ({ calls }: Violation): string => (calls === null ? '' : counted(calls, 'call'))

/** Thresholds of the user that held nothing: one that can never fail is worth a line. */
function missingLines(terminal: Terminal, checks: readonly Check[], isOwn: boolean): string {
  if (!isOwn) return ''
  const byRule = new Map<string, Check[]>()
  for (const check of checks) byRule.set(check.rule, [...(byRule.get(check.rule) ?? []), check])
  const empty = [...byRule].filter(([, all]) => all.every(({ status }) => status === 'no data'))
  if (empty.length === 0) return ''
  const lines = empty.slice(0, 10).map(([rule, [check]]) => `  ${cut(`${rule}: ${check?.reason ?? ''}`, terminal.width - 2, terminal)}`)
  if (empty.length > lines.length) lines.push(`  + ${empty.length - lines.length} more`)
  return `\nThresholds that could not be checked\n${lines.join('\n')}`
}

/** `p95_ms of http GET /orders is 812ms, more than 300ms`. */
export function violationSentence(violation: Pick<Violation, 'subject' | 'rule' | 'current' | 'target' | 'unit' | 'bound'>): string {
  const { subject, rule, current, target, unit, bound } = violation
  if (subject.metric === 'findings')
    return `${figure(current, '')} ${current === 1 ? rule.replace(/findings$/, 'finding') : rule}, ${bound === 'max' ? 'more' : 'less'} than ${figure(target, '')}`
  const who = subjectText(subject)
  const what = subject.metric === 'sql' ? rule : subject.metric
  return `${what}${who === '' ? '' : ` of ${who}`} is ${figure(current, unit)}, ${bound === 'max' ? 'more' : 'less'} than ${figure(target, unit)}`
}

/** `http GET /orders`; empty for a whole session. */
export function subjectText({ layer, name }: Subject): string {
  return oneLine([layer, name].filter((part) => part !== undefined).join(' '))
}

/** A value with its unit. */
export function figure(value: number, unit: string): string {
  switch (unit) {
    case 'ms':
      return duration(value)
    case 'MB':
      return bytes(value * 1024 ** 2)
    case 'usd':
      return money(value)
    case 'share':
      return `${Number((value * 100).toPrecision(3))} %`
    default:
      return `${Number.isInteger(value) ? count(value) : Number(value.toPrecision(4))}${unit === '' ? '' : ` ${unit}`}`
  }
}
