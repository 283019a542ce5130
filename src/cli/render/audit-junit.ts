import type { Check } from '../../analysis/audit/audit-session.ts'
import type { BothWays } from '../behaviour/run-both-ways.ts'
import { figure, subjectText, violationSentence, type AuditOutcome } from './audit.ts'

/** The checks of an audit as JUnit XML: a test case each; what only warns passes with a note. */
export function auditJunit({ session, behaviour, isRejected, result }: AuditOutcome): string {
  const suites: Suite[] = []
  if (behaviour !== undefined) suites.push({ name: 'behaviour', cases: [behaviourCase(behaviour)] })
  else if (isRejected) suites.push({ name: 'behaviour', cases: [{ ...BEHAVIOUR, failure: `${session} was rejected by an audit.` }] })
  if (result !== undefined) suites.push({ name: 'thresholds', cases: result.checks.map((check) => checkCase(check)) })
  const all = suites.flatMap(({ cases }) => cases)
  const lines = suites.flatMap((suite) => [
    `  <testsuite${attributes({ name: suite.name, ...counts(suite.cases), errors: 0, time: 0 })}>`,
    ...suite.cases.map(caseXml),
    '  </testsuite>',
  ])
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes({ name: `perf-agent audit ${session}`, ...counts(all), errors: 0, time: 0 })}>\n${lines.join('\n')}\n</testsuites>\n`
}

interface Case {
  classname: string
  name: string
  failure?: string
  skipped?: string
  note?: string
}

interface Suite {
  name: string
  cases: Case[]
}

const BEHAVIOUR = { classname: 'audit', name: 'the command behaves the same without and with the agent' }

function behaviourCase({ differences }: BothWays): Case {
  if (differences.length === 0) return BEHAVIOUR
  return {
    ...BEHAVIOUR,
    failure: differences.map(({ what, without, with: other }) => `${what}: without ${without}, with ${other}`).join('\n'),
  }
}

function checkCase(check: Check): Case {
  const { rule, subject, bound, target, unit, status, current, reason } = check
  const who = subjectText(subject)
  const base = {
    classname: rule,
    name: `${subject.metric === 'sql' ? rule : subject.metric}${who === '' ? '' : ` of ${who}`} is at ${bound === 'max' ? 'most' : 'least'} ${figure(target, unit)}`,
  }
  if (status === 'no data') return { ...base, skipped: reason ?? 'no data' }
  const sentence = violationSentence({ ...check, current: current ?? 0 })
  return status === 'ok' ? base : status === 'fail' ? { ...base, failure: sentence } : { ...base, note: `warning: ${sentence}` }
}

function counts(cases: readonly Case[]): { tests: number; failures: number; skipped: number } {
  return {
    tests: cases.length,
    failures: cases.filter(({ failure }) => failure !== undefined).length,
    skipped: cases.filter(({ skipped }) => skipped !== undefined).length,
  }
}

function caseXml({ classname, name, failure, skipped, note }: Case): string {
  const begin = `    <testcase${attributes({ classname, name, time: 0 })}`
  const content = [
    failure === undefined ? '' : `<failure${attributes({ message: failure.split('\n')[0] ?? '' })}>${escape(failure)}</failure>`,
    skipped === undefined ? '' : `<skipped${attributes({ message: skipped })}/>`,
    note === undefined ? '' : `<system-out>${escape(note)}</system-out>`,
  ].join('')
  return content === '' ? `${begin}/>` : `${begin}>${content}</testcase>`
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escape(String(value))}"`)
    .join('')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;' }

/** XML 1.0 knows no control characters, not even as entities. */
function escape(text: string): string {
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '').replace(/[&<>"\n]/g, (character) => ENTITIES[character] ?? '')
}
