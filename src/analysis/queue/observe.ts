import type { SessionReader } from '../../store/query.ts'
import { codeOfTraces } from '../digest/code.ts'
import type { Violation } from '../audit/violation.ts'
import type { Finding, Place } from '../finding.ts'
import type { Candidate, CandidateSubject, CodeSnapshot, KeptViolation, Measured, Savings, Seen } from './candidate.ts'
import { measure } from './measure.ts'
import { priorityOf } from './priority.ts'
import { metricsOfFinding, savingsOfFinding, savingsOfViolation, subjectOfFinding, subjectOfViolation } from './subject.ts'

/** A candidate as one session shows it. */
export type Sighting = Pick<
  Candidate,
  | 'id' | 'source' | 'kind' | 'level' | 'title' | 'priority' | 'saves' | 'metrics' | 'violations' | 'code' | 'places' | 'traces' | 'facts' | 'recommendation'
  | 'next_command' | 'subject'
> & { measured: Measured | null } // prettier-ignore

/** What one session says about the candidates of its service. */
export interface Observation {
  service: string | null
  seen: Seen
  sightings: Sighting[]
  /** By id: the subjects of the candidates that were known before and do not show in this session. */
  measured: Map<string, Measured>
}

/** Functions whose code is kept with a candidate. */
const MOST_CODE = 3

/** Takes the findings and violations of a session, measures where they are felt, and measures the known candidates that are not among them. */
export async function observe(
  reader: SessionReader,
  found: { findings: readonly Finding[]; violations: readonly Violation[] },
  known: readonly Candidate[],
): Promise<Observation> {
  const { session } = reader
  const [facts] = await reader.rows<{ traces: number; began: string | null }>(
    `SELECT coalesce(round(sum(weight)), 0)::BIGINT AS traces, min(start_time) AS began FROM traces`,
  )
  const traces = facts?.traces ?? 0
  const measureOnce = remembering(reader)
  const sightings: Sighting[] = []
  for (const finding of found.findings) sightings.push(await sightFinding(reader, finding, found.violations, { traces, measureOnce }))
  for (const violation of found.violations) sightings.push(await sightViolation(reader, violation, { traces, measureOnce }))
  const shown = new Set(sightings.map(({ id }) => id))
  const service = session.json.service ?? null
  const measured = new Map<string, Measured>()
  for (const { id, service: its, state, subject } of known)
    if (its === service && subject !== null && state !== 'closed' && !shown.has(id)) measured.set(id, await measureOnce(subject))
  const at = session.startedAt?.toISOString() ?? facts?.began ?? ''
  return { service, seen: { session: session.name, at, git_commit: session.json.gitCommit ?? null }, sightings, measured }
}

/** What is the same for all sightings of a session. */
interface Whole {
  traces: number
  measureOnce(subject: CandidateSubject): Promise<Measured>
}

/** Many findings are felt in the same place: it is measured once. */
function remembering(reader: SessionReader): Whole['measureOnce'] {
  const known = new Map<string, Promise<Measured>>()
  return (subject) => {
    const key = JSON.stringify(subject)
    const measured = known.get(key) ?? measure(reader, subject)
    known.set(key, measured)
    return measured
  }
}

async function sightFinding(
  reader: SessionReader,
  finding: Finding,
  violations: readonly Violation[],
  { traces, measureOnce }: Whole,
): Promise<Sighting> {
  const subject = await subjectOfFinding(reader, finding)
  const measured = subject === null ? null : await measureOnce(subject)
  const saves = atMost(savingsOfFinding(finding), subject, measured)
  const { evidence } = finding
  const names = new Set([subject?.where.name, ...['route', 'call', 'tool', 'parent'].map((fact) => evidence.facts[fact])])
  return {
    id: finding.id, source: 'finding', kind: finding.kind, level: finding.severity, title: finding.title, priority: priorityOf(saves, traces), saves,
    metrics: metricsOfFinding(subject, measured, saves),
    violations: violations.filter((violation) => violation.subject.name !== undefined && names.has(violation.subject.name)).map(kept),
    code: await codeOf(reader, evidence.traces), places: placesOf(reader, evidence.places), traces: evidence.traces, facts: evidence.facts,
    recommendation: finding.advice, next_command: finding.next_command, subject, measured,
  } // prettier-ignore
}

/** Calls side by side add up to more than anybody waited: no more can be saved than where the candidate is felt. */
function atMost(saves: Savings, subject: CandidateSubject | null, measured: Measured | null): Savings {
  if (subject?.measure !== 'duration_ms' || measured?.mean === undefined || measured.mean === null) return saves
  return { ...saves, ms: Math.min(saves.ms, measured.mean * measured.calls) }
}

async function sightViolation(reader: SessionReader, violation: Violation, { traces, measureOnce }: Whole): Promise<Sighting> {
  const subject = subjectOfViolation(violation)
  const saves = savingsOfViolation(violation)
  return {
    id: violation.id, source: 'violation', kind: violation.rule, level: violation.level,
    title: titleOf(violation),
    priority: priorityOf(saves, traces), saves,
    metrics: [{ metric: violation.subject.metric, unit: violation.unit, current: violation.current, target: violation.target }],
    violations: [kept(violation)], code: await codeOf(reader, violation.traces), places: placesOf(reader, violation.places), traces: violation.traces,
    facts: { rule: violation.rule, calls: violation.calls }, recommendation: violation.advice, next_command: violation.next_command, subject,
    measured: subject === null ? null : await measureOnce(subject),
  } // prettier-ignore
}

function titleOf({ subject: { layer, name, metric }, current, target, unit, bound, rule }: Violation): string {
  const what = [layer, name].filter((part) => part !== undefined).join(' ')
  const least = bound === 'max' ? 'at most' : 'at least'
  if (metric === 'findings' && rule.endsWith('findings'))
    return `${figure(current, '')} ${current === 1 ? rule.slice(0, -1) : rule}, ${least} ${figure(target, '')} allowed`
  const limit = `${least} ${figure(target, unit)} allowed (${rule})`
  if (unit === metric) return `${figure(current, unit)}${what === '' ? '' : ` of ${what}`}, ${limit}`
  return `${metric === 'sql' ? rule : metric}${what === '' ? '' : ` of ${what}`} is ${figure(current, unit)}, ${limit}`
}

const figure = (value: number, unit: string): string =>
  unit === 'share' ? `${Number((value * 100).toPrecision(3))} %` : `${Number(value.toPrecision(4))}${unit === '' ? '' : ` ${unit}`}`

const kept = ({ id, rule, level, subject, current, target, unit }: Violation): KeptViolation => ({ id, rule, level, metric: subject.metric, current, target, unit }) // prettier-ignore

/** Relative to where the program ran, where they are below. */
function placesOf({ session: { json } }: SessionReader, places: readonly Place[]): Place[] {
  const root = json.cwd === undefined ? undefined : `${json.cwd}/`
  return places.map((place) =>
    root !== undefined && place.file.startsWith(root) ? { ...place, file: place.file.slice(root.length) } : place,
  )
}

async function codeOf(reader: SessionReader, traces: readonly string[]): Promise<CodeSnapshot[]> {
  const code = await codeOfTraces(reader, traces, MOST_CODE)
  if (code.length === 0) return []
  const commits = await reader.rows<{ variant: string; git_commit: string | null }>(
    `SELECT variant, any_value(git_commit) AS git_commit FROM variants WHERE variant IN (${code.map(({ variant }) => `'${variant}'`).join(', ')}) GROUP BY variant`,
  )
  const commitOf = new Map(commits.map(({ variant, git_commit }) => [variant, git_commit]))
  // What has no file cannot be changed there.
  return code.flatMap(({ file, ...entry }) => (file === null ? [] : [{ ...entry, file, git_commit: commitOf.get(entry.variant) ?? null }]))
}
