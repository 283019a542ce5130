import path from 'node:path'
import { hasDatabase } from '../../store/analytics/database.ts'
import { openStored, type SessionReader } from '../../store/query.ts'
import { listSessions, type Session } from '../../store/session.ts'
import type { Sample } from '../statistics/compare-samples.ts'
import type { RegressionMetric } from './find-regressions.ts'

/** What is remembered of a name in one session. */
export interface NameInSession {
  session: string
  git_commit: string | null
  /** In the order of time, some hundred at most of each: milliseconds of calls that succeeded, 1 for each call that failed and 0 for the others, tokens, US dollars. */
  samples: Record<RegressionMetric, Sample[]>
}

/** A name of a session, with what it was in earlier ones, oldest first. */
export interface NameOverSessions {
  layer: string
  name: string
  /** By weight. */
  calls: number
  /** Its slowest ones that succeeded, and its last ones that failed. */
  traces: string[]
  failedTraces: string[]
  now: NameInSession
  earlier: NameInSession[]
}

/** Earlier sessions that are looked at. */
const MAX_EARLIER = 5
/** Names with most time, and calls of each: one scan of the spans and some 40,000 rows, whatever the size of a session. */
const MAX_NAMES = 50
const MAX_SAMPLES = 800
const FEWEST = 20

/** A list in the order of time. */
const list = (value: string): string => `list(${value} ORDER BY s.start_ns, s.span_key)`
const number = (key: string): string => `TRY_CAST((s.attributes->>'${key}') AS DOUBLE)`

/** Names of a session that take most time, with samples of their calls: the same ones each time. Tokens and cost are known of calls of models. */
export const NAME_SAMPLES = `
  WITH totals AS (SELECT layer, name, count(*) AS spans, sum(weight::DOUBLE) AS calls, sum(duration_ms * weight) AS total_ms FROM spans
    WHERE duration_ms IS NOT NULL GROUP BY ALL HAVING count(*) >= ${FEWEST} ORDER BY total_ms DESC, name LIMIT ${MAX_NAMES})
  SELECT t.layer, t.name, any_value(t.calls) AS calls, ${list('s.duration_ms')} AS durations, ${list("s.status = 'error'")} AS failed,
    ${list('s.weight::DOUBLE')} AS weights, ${list('(hash(s.trace_key) >> 11)::BIGINT')} AS clusters,
    ${list(`CASE WHEN s.layer = 'ai' THEN ${number('gen_ai.usage.input_tokens')} + coalesce(${number('gen_ai.usage.output_tokens')}, 0) END`)} AS tokens,
    ${list(`CASE WHEN s.layer = 'ai' THEN ${number('perf.ai.cost_usd')} END`)} AS usd,
    coalesce((list(s.trace_id ORDER BY s.duration_ms DESC, s.span_key) FILTER (s.status <> 'error'))[1:3], []) AS traces,
    coalesce((list(s.trace_id ORDER BY s.start_ns DESC, s.span_key) FILTER (s.status = 'error'))[1:3], []) AS failed_traces
  FROM spans s JOIN totals t ON t.layer = s.layer AND t.name = s.name
  WHERE s.duration_ms IS NOT NULL AND (hash(s.span_key) >> 11) < ${MAX_SAMPLES} * pow(2, 53) / t.spans
  GROUP BY t.layer, t.name ORDER BY any_value(t.total_ms) DESC, t.name`

interface Row {
  layer: string
  name: string
  calls: number
  durations: number[]
  failed: boolean[]
  tokens: (number | null)[]
  usd: (number | null)[]
  weights: number[]
  clusters: number[]
  traces: string[]
  failed_traces: string[]
}

/** The names of a session in the sessions of its service before it, as far as these were synced; nothing is synced for it. */
export async function readOverSessions(reader: SessionReader): Promise<NameOverSessions[]> {
  const earlier: { session: Session; rows: Row[] }[] = []
  for (const session of sessionsBefore(reader.session)) {
    if (earlier.length === MAX_EARLIER) break
    const stored = await openStored(session)
    if (stored === undefined) continue
    try {
      earlier.unshift({ session, rows: await stored.rows<Row>(NAME_SAMPLES) })
    } finally {
      stored.close()
    }
  }
  if (earlier.length === 0) return []
  return (await reader.rows<Row>(NAME_SAMPLES)).map((row) => ({
    layer: row.layer,
    name: row.name,
    calls: row.calls,
    traces: row.traces,
    failedTraces: row.failed_traces,
    now: inSession(reader.session, row),
    earlier: earlier.flatMap(({ session, rows }) => {
      const found = rows.find(({ layer, name }) => layer === row.layer && name === row.name)
      return found === undefined ? [] : [inSession(session, found)]
    }),
  }))
}

/** The sessions that one is held against: the newest of the same service before it that are synced. */
export const storedBefore = (session: Session): Session[] =>
  sessionsBefore(session)
    .filter(({ folder }) => hasDatabase(folder))
    .slice(0, MAX_EARLIER)

/** Sessions of the same service that began before, the newest first. */
export function sessionsBefore({ folder, json, name, startedAt }: Session): Session[] {
  if (json.service === undefined || startedAt === undefined) return []
  return listSessions(path.dirname(path.dirname(folder))).filter(
    (other) => other.name !== name && other.json.service === json.service && other.startedAt !== undefined && other.startedAt < startedAt,
  )
}

function inSession({ name, json }: Session, { durations, failed, tokens, usd, weights, clusters }: Row): NameInSession {
  const samples = (values: readonly (number | null)[]): Sample[] =>
    values.flatMap((value, i) => (value === null ? [] : [{ value, weight: weights[i] ?? 1, cluster: clusters[i] ?? i }]))
  return {
    session: name,
    git_commit: json.gitCommit ?? null,
    samples: {
      duration: samples(durations.map((value, i) => (failed[i] === true ? null : value))),
      errors: samples(failed.map(Number)),
      tokens: samples(tokens),
      cost: samples(usd),
    },
  }
}
