import type { Json } from '@duckdb/node-api'
import { NAME_SAMPLES, readOverSessions, type NameOverSessions } from '../compare/earlier-sessions.ts'
import { findRegressions, type Regression, type RegressionMetric } from '../compare/find-regressions.ts'
import { sqlText } from '../compare/sql-text.ts'
import { defineFinding, type Draft } from '../finding.ts'
import type { Sample } from '../statistics/compare-samples.ts'
import { shellWord } from '../shell-word.ts'

/** A name whose calls take longer, fail more often, or take more tokens or money than in earlier sessions of the same service. */
export default defineFinding<NameOverSessions>({
  kind: 'regression',
  about:
    'A name that is worse than in the sessions of its service before (five at most, those that were synced), surely by its calls, and beyond how sessions differ among themselves: calls that succeed take at least 10 % longer, calls of a model 10 % more tokens or money, or two more of a hundred calls fail.',
  sql: NAME_SAMPLES,
  read: readOverSessions,
  find: (names) =>
    findRegressions(names).map((regression) => {
      const { metric, of, against, since } = regression
      const word = METRICS[metric]
      return {
        // The id of a longer duration is of the time before there were others.
        key: `${of.layer}\0${of.name}${metric === 'duration' ? '' : `\0${metric}`}`,
        title: word.title(regression),
        ...word.cost(regression),
        traces: metric === 'errors' ? of.failedTraces : of.traces,
        query: `SELECT ${word.columns} FROM ${word.view} WHERE ${word.view === 'spans' ? `layer = ${sqlText(of.layer)} AND ` : ''}name = ${sqlText(of.name)}${word.where ?? ''}`,
        facts: {
          layer: of.layer, name: of.name, metric, ...word.facts(regression), interval_percent: regression.interval.map((share) => (Number.isFinite(share) ? Math.round(share * 1000) / 10 : null)),
          sessions_before: against.map(({ session }) => session), since: since.session,
          commit_before: against.at(-1)?.git_commit ?? null, commit: since.git_commit,
        },
        advice: adviceOn(regression),
        next_command: `perf-agent compare ${against.at(-1)?.session} ${of.now.session}`,
      } // prettier-ignore
    }),
})

interface MetricWords {
  title(regression: Regression): string
  cost(regression: Regression): Pick<Draft, 'cost' | 'severity'>
  facts(regression: Regression): Record<string, Json>
  /** Of the query that shows it. */
  view: 'spans' | 'ai_calls'
  columns: string
  where?: string
  /** Of `perf-agent trends`. */
  trend: string
}

const METRICS: Record<RegressionMetric, MetricWords> = {
  duration: {
    title: ({ of, levels }) =>
      `Slower than before: ${of.name} took ${milliseconds(levels[0])} at the median, now ${milliseconds(levels[1])} (${more(levels)})`,
    cost: (regression) => ({ cost: { calls: callsOf(regression), total_ms: extra(regression) } }),
    facts: ({ levels, p95s }) => ({ p50_ms_before: levels[0], p50_ms: levels[1], p95_ms_before: p95s[0], p95_ms: p95s[1] }),
    view: 'spans',
    columns:
      'round(sum(weight))::BIGINT AS calls, weighted_quantile(duration_ms, weight, 0.5) AS p50_ms, weighted_quantile(duration_ms, weight, 0.95) AS p95_ms',
    where: ` AND status <> 'error'`,
    trend: 'p50',
  },
  errors: {
    title: ({ of, levels }) => `Fails more often than before: ${of.name} failed in ${share(levels[0])} of its calls, now in ${share(levels[1])}`,
    cost: (regression) => ({
      cost: { calls: Math.max(1, Math.round(extra(regression))) },
      severity: regression.levels[1] - regression.levels[0] >= 0.1 ? 'high' : 'medium',
    }),
    facts: ({ levels }) => ({ error_rate_before: levels[0], error_rate: levels[1] }),
    view: 'spans',
    columns: `round(sum(weight))::BIGINT AS calls, round(coalesce(sum(weight) FILTER (status = 'error'), 0))::BIGINT AS failed`,
    trend: 'error_rate',
  },
  tokens: {
    title: ({ of, levels }) =>
      `More tokens than before: a call of ${of.name} took ${Math.round(levels[0])} at the median, now ${Math.round(levels[1])} (${more(levels)})`,
    cost: (regression) => ({ cost: { calls: callsOf(regression), tokens: extra(regression), usd: extraUsd(regression) }, severity: 'medium' }),
    facts: ({ levels }) => ({ tokens_p50_before: levels[0], tokens_p50: levels[1] }),
    view: 'ai_calls',
    columns: 'round(sum(weight))::BIGINT AS calls, weighted_quantile(input_tokens, weight, 0.5) AS input_p50, weighted_quantile(output_tokens, weight, 0.5) AS output_p50',
    trend: 'tokens',
  },
  cost: {
    title: ({ of, levels }) =>
      `Costs more than before: a call of ${of.name} cost ${dollars(levels[0])} at the median, now ${dollars(levels[1])} (${more(levels)})`,
    cost: (regression) => ({ cost: { calls: callsOf(regression), usd: extra(regression) }, severity: 'medium' }),
    facts: ({ levels }) => ({ usd_p50_before: levels[0], usd_p50: levels[1] }),
    view: 'ai_calls',
    columns: 'round(sum(weight))::BIGINT AS calls, weighted_quantile(cost_usd, weight, 0.5) AS usd_p50, sum(cost_usd * weight) AS usd',
    trend: 'cost',
  },
} // prettier-ignore

const callsOf = (regression: Regression): number => Math.round(callsWith(regression, regression.metric))
/** What all calls take more than they would have before. */
const extra = (regression: Regression): number =>
  Math.max(0, regression.means[1] - regression.means[0]) * callsWith(regression, regression.metric)
const more = ([before, now]: [number, number]): string => (before === 0 ? 'before: none' : `+${Math.round((now / before - 1) * 100)} %`)

/** The calls of which it is known: those that succeeded have a duration that counts, and not every call says its tokens. */
function callsWith({ of }: Regression, metric: RegressionMetric): number {
  const weightOf = (samples: readonly Sample[]): number => samples.reduce((sum, { weight }) => sum + weight, 0)
  return (of.calls * weightOf(of.now.samples[metric])) / weightOf(of.now.samples.errors)
}

const share = (rate: number): string => `${Number((rate * 100).toPrecision(2))} %`
const dollars = (usd: number): string => `$${Number(usd.toPrecision(3))}`

function extraUsd(regression: Regression): number | null {
  const { of, against } = regression
  const [before, now] = [against.flatMap(({ samples }) => samples.cost), of.now.samples.cost].map(meanOf)
  return before === undefined || now === undefined || Number.isNaN(now - before)
    ? null
    : Math.max(0, now - before) * callsWith(regression, 'cost')
}

function meanOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value, weight }) => sum + value * weight, 0) / samples.reduce((sum, { weight }) => sum + weight, 0)
}

const LOOK: Record<RegressionMetric, string> = {
  duration: 'data, settings, versions of dependencies and the machine',
  errors: 'what it calls, settings, and versions of dependencies',
  tokens: 'the prompt, the history that is sent along, the tools that are offered, and the model',
  cost: 'the model, its price, and how much of the prompt its cache serves',
}

function adviceOn({ metric, of, against, since }: Regression): string {
  const [before, after] = [against.at(-1)?.git_commit, since.git_commit]
  const code =
    before != null && after != null && before !== after
      ? `Look at what changed: \`git log ${before.slice(0, 10)}..${after.slice(0, 10)}\`.`
      : `The commit is the same or not known: look at ${LOOK[metric]} as well.`
  const variants = of.layer === 'tool' ? ` \`perf-agent compare --variants ${shellWord(of.name)}\` shows the versions of its source.` : ''
  return `${code}${variants} \`perf-agent trends --name ${shellWord(of.name)} --metric ${METRICS[metric].trend}\` shows its course.`
}

function milliseconds(ms: number): string {
  return `${Number(ms.toPrecision(3))} ms`
}
