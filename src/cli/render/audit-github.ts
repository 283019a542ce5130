import { appendFileSync } from 'node:fs'
import type { BothWays } from '../behaviour/run-both-ways.ts'
import { UsageError } from '../../errors.ts'
import { placeOf } from './audit-place.ts'
import { figure, subjectText, violationSentence, type AuditOutcome } from './audit.ts'
import { counted } from './format.ts'

/** Workflow commands of GitHub Actions: an error or a warning a violation, at its place. */
export function auditGithub(outcome: AuditOutcome): string {
  const { isRejected, behaviour, result } = outcome
  const lines = isRejected ? [annotation('error', { title: 'perf-agent: recording rejected' }, rejection(behaviour))] : []
  for (const violation of result?.violations ?? []) {
    const place = placeOf(outcome, violation)
    const properties = {
      ...(place === undefined ? {} : { file: place.file, line: String(place.line) }),
      title: `perf-agent: ${violation.rule}`,
    }
    const message = `${violationSentence(violation)}\n${violation.advice}\n${violation.next_command}`
    lines.push(annotation(violation.level === 'fail' ? 'error' : 'warning', properties, message))
  }
  return lines.map((line) => `${line}\n`).join('')
}

/** Appends the summary of the audit to the file that GITHUB_STEP_SUMMARY names; nothing without one. */
export function appendStepSummary(file: string | undefined, outcome: AuditOutcome): void {
  if (file === undefined || file === '') return
  try {
    appendFileSync(file, summary(outcome))
  } catch (error) {
    throw new UsageError(`Cannot write GITHUB_STEP_SUMMARY=${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`)
  }
}

function annotation(kind: 'error' | 'warning', properties: Record<string, string>, message: string): string {
  const text = Object.entries(properties)
    .map(([name, value]) => `${name}=${escapeData(value).replaceAll(':', '%3A').replaceAll(',', '%2C')}`)
    .join(',')
  return `::${kind} ${text}::${escapeData(message)}`
}

const escapeData = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

function rejection(behaviour: BothWays | undefined): string {
  const differences = (behaviour?.differences ?? []).slice(0, 10)
  return ['The command does not behave the same with the agent', ...differences.map(({ what, without, with: other }) => `${what}: without ${without}, with ${other}`)].join('\n') // prettier-ignore
}

function summary({ session, isRejected, behaviour, result }: AuditOutcome): string {
  const violations = result?.violations ?? []
  const failed = violations.filter(({ level }) => level === 'fail').length
  const verdict = isRejected ? 'recording rejected' : failed > 0 ? `${failed} failed` : 'passed'
  const rows = violations.map(
    ({ level, rule, subject, current, target, unit, bound, next_command }) =>
      `| ${level} | ${cell(rule)} | ${cell(subjectText(subject))} | ${figure(current, unit)} | ${bound === 'max' ? '≤' : '≥'} ${figure(target, unit)} | ${cell(`\`${next_command}\``)} |`,
  )
  const parts = [
    `## Performance audit: ${verdict}`,
    `${cell(session)}, ${counted(result?.checks.length ?? 0, 'check')}`,
    isRejected ? rejection(behaviour).split('\n').map((line) => `- ${cell(line)}`).join('\n') : '', // prettier-ignore
    rows.length === 0 ? '' : ['| | threshold | of | is | limit | next |', '|---|---|---|---|---|---|', ...rows].join('\n'),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n\n`
}

/** A text in a cell of a markdown table: names are anything, also HTML. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
