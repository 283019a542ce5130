import { openSession, type SessionReader } from '../../store/query.ts'
import type { Session } from '../../store/session.ts'
import { adjustComparisons, compareSamples, type Sample, type SampleComparison } from '../statistics/compare-samples.ts'
import { trendOf } from '../trend.ts'
import { CALL_SCORES } from './score-report.ts'

/** Quality of one agent, tool or model in this session beside earlier ones of the service. */
export interface QualityReport {
  kind: 'agent' | 'tool' | 'model'
  name: string
  calls: number
  mean: number
  /** Of the earlier sessions together; null where it does not occur in them. */
  baseline: number | null
  baseline_calls: number
  /** `drop` and `rise` are proven (Mann–Whitney and means, corrected for the number of comparisons); `no baseline` is new. */
  verdict: 'drop' | 'rise' | 'same' | 'not enough data' | 'no baseline'
  p: number | null
  /** Cliff's delta: negative where scores are lower now. */
  effect: number | null
  /** Means session by session, the oldest first, this one last; null where it does not occur. */
  course: (number | null)[]
  /** How sure a trend over the sessions is, with its sign: −0.99 falls; null for fewer than eight. */
  trend: number | null
  /** Of a drop: the scorer whose mean fell most, and by how much. */
  fell_most: string | null
  fell_by: number | null
}

interface Group {
  kind: QualityReport['kind']
  name: string
  samples: Sample[]
  mean: number
  /** Mean by scorer, and the weight of the calls it is of. */
  scorers: Map<string, { mean: number; weight: number }>
}

/** One session's scores by agent, tool and model. */
export interface SessionQuality {
  session: string
  startedAt: number
  groups: Map<string, Group>
}

const SUBJECT = `CASE WHEN layer = 'tool' THEN 'tool' WHEN agent IS NOT NULL THEN 'agent' ELSE 'model' END AS kind,
  CASE WHEN layer = 'tool' THEN tool WHEN agent IS NOT NULL THEN agent ELSE coalesce(model, name) END AS subject`
/** Differences of quality up to this share are none. */
const SAME_WITHIN = 0.02

/** Reads the scores of one session, in the order of time. */
export async function sessionQuality(reader: SessionReader): Promise<SessionQuality> {
  const calls = await reader.rows<{ kind: Group['kind']; subject: string; score: number; weight: number; trace_id: string }>(
    `SELECT ${SUBJECT}, score, weight, trace_id FROM (${CALL_SCORES}) ORDER BY start_time, span_id`,
  )
  const scorers = await reader.rows<{ kind: Group['kind']; subject: string; scorer: string; mean: number; weight: number }>(
    `SELECT ${SUBJECT}, scorer, sum(score * weight) / sum(weight) AS mean, sum(weight) AS weight FROM scores WHERE score IS NOT NULL GROUP BY ALL`,
  )
  const groups = new Map<string, Group>()
  for (const { kind, subject, score, weight, trace_id: cluster } of calls) {
    const key = `${kind} ${subject}`
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = { kind, name: subject, samples: [], mean: 0, scorers: new Map() }))
    group.samples.push({ value: score, weight, cluster })
  }
  for (const { kind, subject, scorer, mean, weight } of scorers) groups.get(`${kind} ${subject}`)?.scorers.set(scorer, { mean, weight })
  for (const group of groups.values()) group.mean = meanOf(group.samples)
  return { session: reader.session.name, startedAt: reader.session.startedAt?.getTime() ?? 0, groups }
}

/** Opens each session and reads its scores; those that cannot be read are left out. */
export async function earlierQuality(sessions: readonly Session[]): Promise<SessionQuality[]> {
  const read: SessionQuality[] = []
  for (const session of sessions) {
    const quality = await readQuality(session)
    if (quality !== undefined) read.push(quality)
  }
  return read.toSorted((a, b) => a.startedAt - b.startedAt)
}

/** The scores of a session that is not open, where `accepts` lets it; undefined where it cannot be read: damaged, or of a later version. */
export async function readQuality(
  session: Session,
  accepts: (reader: SessionReader) => Promise<boolean> = () => Promise.resolve(true),
): Promise<SessionQuality | undefined> {
  let reader: SessionReader | undefined
  try {
    reader = await openSession(session, { sync: false })
    return (await accepts(reader)) ? await sessionQuality(reader) : undefined
  } catch {
    return undefined
  } finally {
    reader?.close()
  }
}

/** Each agent, tool and model of a session against its own scores in the earlier ones, drops first. */
export function qualityReports(now: SessionQuality, earlier: readonly SessionQuality[]): QualityReport[] {
  const drafts = [...now.groups].map(([key, group]) => {
    const before = earlier.map(({ groups }) => groups.get(key))
    const samples = before.flatMap((past, i) => (past?.samples ?? []).map((sample) => ({ ...sample, cluster: `${i} ${sample.cluster}` })))
    return { key, group, before, samples, comparison: compareSamples(samples, group.samples, { sameWithin: SAME_WITHIN }) }
  })
  const adjusted = adjustComparisons(drafts.map(({ comparison }) => comparison), { sameWithin: SAME_WITHIN }) // prettier-ignore
  const reports = drafts.map(({ group, before, samples }, i): QualityReport => {
    const comparison = adjusted[i] as SampleComparison
    const verdict = samples.length === 0 ? 'no baseline' : verdictOf(comparison)
    const fell = verdict === 'drop' ? fellMost(group, before) : undefined
    return {
      kind: group.kind, name: group.name, calls: callsOf(group.samples), mean: group.mean, baseline: samples.length === 0 ? null : meanOf(samples), baseline_calls: callsOf(samples), verdict,
      p: samples.length === 0 ? null : comparison.p, effect: samples.length === 0 ? null : comparison.effect, course: [...before.map((past) => past?.mean ?? null), group.mean],
      trend: courseTrend([...earlier, now], [...before, group]), fell_most: fell?.[0] ?? null, fell_by: fell?.[1] ?? null,
    } // prettier-ignore
  })
  const rank = { drop: 0, rise: 1, same: 2, 'not enough data': 3, 'no baseline': 4 }
  return reports.sort((a, b) => rank[a.verdict] - rank[b.verdict] || a.mean - b.mean || (a.name < b.name ? -1 : 1))
}

/** `compareSamples` names verdicts for metrics where less is better; of quality, less is a drop. */
function verdictOf({ verdict, means }: SampleComparison): QualityReport['verdict'] {
  if (verdict === 'same' || verdict === 'not enough data') return verdict
  return means[1] < means[0] ? 'drop' : 'rise'
}

function fellMost(group: Group, before: readonly (Group | undefined)[]): [string, number] | undefined {
  const falls = [...group.scorers].flatMap(([scorer, { mean }]): [string, number][] => {
    const past = before.flatMap((one) => one?.scorers.get(scorer) ?? [])
    return past.length === 0 ? [] : [[scorer, meanOf(past.map((one) => ({ value: one.mean, weight: one.weight }))) - mean]]
  })
  return falls.sort((a, b) => b[1] - a[1])[0]
}

/** Mann and Kendall over the means of the sessions. */
function courseTrend(sessions: readonly SessionQuality[], groups: readonly (Group | undefined)[]): number | null {
  const points = groups.flatMap((group, i) =>
    group === undefined ? [] : [{ time: (sessions[i]?.startedAt ?? 0) / 1000, value: group.mean }],
  )
  const trend = trendOf(points)
  return trend === undefined ? null : trend.confidence * Math.sign(trend.slope)
}

function meanOf(samples: readonly Sample[]): number {
  let [sum, weights] = [0, 0]
  for (const { value, weight } of samples) {
    sum += value * weight
    weights += weight
  }
  return sum / weights
}

/** How many calls samples stand for. */
const callsOf = (samples: readonly Sample[]): number => Math.round(samples.reduce((sum, { weight }) => sum + weight, 0))
