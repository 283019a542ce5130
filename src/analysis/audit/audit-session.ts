import type { SessionReader } from '../../store/query.ts'
import { CallFigureReader } from './call-figures.ts'
import { figuresOf, type SubjectFigure } from './figures.ts'
import { groupingOf, metricOf, nameMatcher, ruleId, shortHash, type Threshold } from './threshold.ts'
import { explain } from './explain.ts'
import type { Subject, Violation, ViolationLevel } from './violation.ts'

/** One threshold held against one subject. */
export interface Check {
  rule: string
  /** Where it stands: index in `thresholds` of perf.config.json. */
  index: number
  level: ViolationLevel
  subject: Subject
  bound: 'max' | 'min'
  target: number
  unit: string
  current: number | null
  calls: number | null
  status: 'ok' | 'warn' | 'fail' | 'no data'
  /** Why there is no data; null otherwise. */
  reason: string | null
}

/** What an audit found in a session. */
export interface AuditResult {
  session: string
  service: string | null
  checks: Check[]
  /** One a subject and bound: the most severe. */
  violations: Violation[]
}

/** Violations that get traces and places: with more, the later ones are told without. */
const MAX_EXPLAINED = 100

/** Holds a session against thresholds. Throws `QueryError` for SQL of a threshold that DuckDB refuses, `ThresholdError` for one without a number. */
export async function auditSession(reader: SessionReader, thresholds: readonly Threshold[]): Promise<AuditResult> {
  const calls = new CallFigureReader(
    reader,
    thresholds.some(({ metric }) => metric === 'self_cpu_ms'),
  )
  const checks: Check[] = []
  const violated = new Map<string, { threshold: Threshold; check: Check; figure: SubjectFigure }>()
  for (const [index, threshold] of thresholds.entries()) {
    const fits = nameMatcher(threshold)
    const byName = groupingOf(threshold) === 'name'
    const figures = (await figuresOf(reader, calls, threshold, index)).filter(
      ({ layer, name }) =>
        (threshold.layer === undefined || layer === null || layer === threshold.layer) && (!byName || name === null || fits(name)),
    )
    if (figures.length === 0) checks.push(withoutData(threshold, index, 'nothing in the session fits it'))
    for (const figure of figures) {
      const check = checkOf(threshold, index, figure)
      checks.push(check)
      if (check.status !== 'warn' && check.status !== 'fail') continue
      const id = violationId(threshold, check)
      if (violated.get(id)?.check.status !== 'fail') violated.set(id, { threshold, check, figure })
    }
  }
  const violations: Violation[] = []
  for (const [id, { threshold, check, figure }] of [...violated].sort(bySeverity)) {
    const shown = violations.length < MAX_EXPLAINED
    violations.push(await violationOf(shown ? reader : undefined, id, threshold, check, figure))
  }
  return { session: reader.session.name, service: reader.session.json.service ?? null, checks, violations }
}

function checkOf(threshold: Threshold, index: number, figure: SubjectFigure): Check {
  const base = { ...withoutData(threshold, index, null), current: figure.value, calls: figure.calls, subject: subjectOf(threshold, figure) }
  if (figure.value === null) return { ...base, reason: figure.reason ?? 'the recording does not tell' }
  const needed = threshold.min_calls ?? 1
  if (figure.calls !== null && figure.calls < needed) return { ...base, reason: `${figure.calls} of ${needed} calls it takes to tell` }
  const isKept = base.bound === 'max' ? figure.value <= base.target : figure.value >= base.target
  return { ...base, status: isKept ? 'ok' : base.level }
}

function withoutData(threshold: Threshold, index: number, reason: string | null): Check {
  const { max, min, level = 'fail' } = threshold
  const bound = max === undefined ? 'min' : 'max'
  return {
    rule: ruleId(threshold),
    index,
    level,
    subject: subjectOf(threshold, { layer: null, name: null }),
    bound,
    target: max ?? min ?? 0,
    unit: metricOf(threshold).unit,
    current: null,
    calls: null,
    status: 'no data',
    reason,
  }
}

function subjectOf(threshold: Threshold, figure: { layer: string | null; name: string | null }): Subject {
  const layer = figure.layer ?? threshold.layer
  const name = figure.name ?? threshold.name
  return { ...(layer === undefined ? {} : { layer }), ...(name === undefined ? {} : { name }), metric: threshold.metric ?? 'sql' }
}

function violationId({ kind, sql, severity }: Threshold, { subject, bound }: Check): string {
  const parts = [subject.layer, subject.name, kind, subject.metric, sql, severity, bound]
  return `audit-${shortHash(parts.map((part) => part ?? '').join('\0'))}`
}

type Violated = [id: string, { check: Check }]

/** What fails before what warns; within, what is furthest beyond its limit. */
function bySeverity([firstId, first]: Violated, [secondId, second]: Violated): number {
  const rank = ({ check }: { check: Check }): number => (check.status === 'fail' ? 0 : 1)
  return rank(first) - rank(second) || excess(second.check) - excess(first.check) || (firstId < secondId ? -1 : 1)
}

/** How many times the limit a value is (for `min`: the limit the value). */
function excess({ bound, current, target }: { bound: 'max' | 'min'; current: number | null; target: number }): number {
  const [value, limit] = bound === 'max' ? [current ?? 0, target] : [target, current ?? 0]
  return limit === 0 ? (value === 0 ? 1 : Infinity) : value / limit
}

async function violationOf(
  reader: SessionReader | undefined,
  id: string,
  threshold: Threshold,
  check: Check,
  figure: SubjectFigure,
): Promise<Violation> {
  const { rule, level, subject, bound, target, unit, calls } = check
  const told = await explain(reader, threshold, figure)
  return { id, rule, level, subject, current: check.current ?? 0, target, bound, unit, calls, ...told }
}
