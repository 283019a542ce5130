import { pathToFileURL } from 'node:url'
import path from 'node:path'
import type { Violation } from '../../analysis/audit/violation.ts'
import { agentVersion } from '../version.ts'
import { placeOf } from './audit-place.ts'
import { figure, violationSentence, type AuditOutcome } from './audit.ts'

/** What is not kept as a SARIF 2.1.0 log: a rule a threshold, a result a violation; a rejected recording is a result of its own. */
export function auditSarif(outcome: AuditOutcome): string {
  const { session, isRejected, behaviour, result } = outcome
  const violations = result?.violations ?? []
  const ids = [...new Set(violations.map(({ rule }) => rule))]
  if (isRejected) ids.push(REJECTED)
  const rejection = {
    ruleId: REJECTED,
    ruleIndex: ids.indexOf(REJECTED),
    level: 'error',
    message: { text: rejectionText(behaviour) },
  }
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'perf-agent', semanticVersion: agentVersion(), rules: ids.map((id) => ruleOf(id, violations)) } },
        originalUriBaseIds: { SRCROOT: { uri: `${pathToFileURL(process.cwd()).href}/` } },
        automationDetails: { id: `perf-agent audit/${session}` },
        invocations: [{ executionSuccessful: true }],
        results: [...(isRejected ? [rejection] : []), ...violations.map((violation) => resultOf(outcome, violation, ids))],
      },
    ],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

const REJECTED = 'behaviour'

function rejectionText(behaviour: AuditOutcome['behaviour']): string {
  const differences = (behaviour?.differences ?? []).map(({ what, without, with: other }) => `${what} (without ${without}, with ${other})`)
  return `The command does not behave the same with the agent${differences.length === 0 ? '' : `: ${differences.slice(0, 10).join('; ')}`}.`
}

function ruleOf(id: string, violations: readonly Violation[]): object {
  const violation = violations.find(({ rule }) => rule === id)
  if (violation === undefined)
    return {
      id,
      shortDescription: { text: 'A command behaves the same without and with the agent.' },
      defaultConfiguration: { level: 'error' },
    }
  const { subject, bound, target, unit, level } = violation
  return {
    id,
    shortDescription: {
      text: `${subject.metric === 'sql' ? id : subject.metric} is at ${bound === 'max' ? 'most' : 'least'} ${figure(target, unit)}`,
    },
    defaultConfiguration: { level: level === 'fail' ? 'error' : 'warning' },
    help: { text: violation.advice, markdown: violation.advice },
  }
}

function resultOf(outcome: AuditOutcome, violation: Violation, ids: readonly string[]): object {
  const { rule, level, id, current, target, unit, traces, next_command } = violation
  const place = placeOf(outcome, violation)
  return {
    ruleId: rule,
    ruleIndex: ids.indexOf(rule),
    level: level === 'fail' ? 'error' : 'warning',
    message: {
      text: `${violationSentence(violation)}. ${violation.advice}`,
      markdown: `${violationSentence(violation)}. ${violation.advice}`,
    },
    ...(place === undefined
      ? {}
      : {
          locations: [{ physicalLocation: { artifactLocation: artifactOf(place.file), region: { startLine: Math.max(1, place.line) } } }],
        }),
    partialFingerprints: { 'perfAgentViolation/v1': id },
    properties: { current, target, unit, traces, nextCommand: next_command },
  }
}

function artifactOf(file: string): object {
  return path.isAbsolute(file) ? { uri: pathToFileURL(file).href } : { uri: encodeURI(file), uriBaseId: 'SRCROOT' }
}
