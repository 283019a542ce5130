import type { SessionReader } from '../../store/query.ts'
import type { Place } from '../finding.ts'
import { isOfTraces } from './call-figures.ts'
import type { SubjectFigure } from './figures.ts'
import { slowestTraces } from './other-figures.ts'
import { metricOf, quoted, type Threshold } from './threshold.ts'
import type { Violation } from './violation.ts'

/** What goes with a violation: traces, places in the source, advice, a command. Without a reader only what is known already. */
export async function explain(
  reader: SessionReader | undefined,
  threshold: Threshold,
  figure: SubjectFigure,
): Promise<Pick<Violation, 'traces' | 'places' | 'advice' | 'next_command'>> {
  const { source } = metricOf(threshold)
  const isOfCalls = threshold.sql === undefined && (source === 'calls' || source === 'ai')
  const whole = {
    layer: figure.layer ?? threshold.layer ?? null,
    name: figure.name,
    kind: threshold.kind,
    isOfTraces: isOfTraces(threshold),
  }
  const subject = source === 'ai' ? { ...whole, layer: 'ai', isOfTraces: false } : whole
  const onlyErrors = threshold.metric === 'error_rate' || threshold.metric === 'success_rate'
  const traces = figure.traces ?? (reader === undefined || !isOfCalls ? [] : await slowestTraces(reader, subject, onlyErrors))
  const places = figure.places ?? (reader === undefined || !isOfCalls || figure.name === null ? [] : await placesOf(reader, subject))
  return { traces, places, advice: threshold.advice ?? adviceOf(threshold, figure), next_command: nextCommand(threshold, figure, traces) }
}

/** Slow calls that are looked at for where they were made. */
const SAMPLED_CALLS = 200

/** Where the functions are that were called, or that called. */
async function placesOf(reader: SessionReader, { layer, name }: { layer: string | null; name: string | null }): Promise<Place[]> {
  const where = [layer === null ? undefined : `layer = ${quoted(layer)}`, name === null ? undefined : `name = ${quoted(name)}`]
  return await reader.rows<Place>(
    `WITH calls AS (SELECT variant, parent_key, duration_ms FROM spans WHERE ${where.filter((part) => part !== undefined).join(' AND ') || 'true'}
       ORDER BY duration_ms DESC NULLS LAST LIMIT ${SAMPLED_CALLS}),
     functions AS (SELECT coalesce(c.variant, p.variant) AS variant, sum(c.duration_ms) AS ms FROM calls c
       LEFT JOIN spans p ON p.span_key = c.parent_key GROUP BY 1)
     SELECT v.file, v.line, v.name AS function FROM functions f JOIN variants v ON v.variant = f.variant
     WHERE v.file IS NOT NULL ORDER BY f.ms DESC, v.file, v.line LIMIT 3`,
  )
}

function adviceOf(threshold: Threshold, figure: SubjectFigure): string {
  const { metric, sql } = threshold
  if (sql !== undefined) return `The query of this threshold shows it: \`${sql.replace(/\s+/g, ' ').trim()}\`.`
  if (figure.findings !== undefined && figure.findings.length > 0)
    return `The findings say what to change: ${figure.findings
      .slice(0, 3)
      .map(({ title, id }) => `${title} (\`${id}\`)`)
      .join('; ')}${figure.findings.length > 3 ? '; …' : ''}.`
  const spans = [figure.layer, figure.name ?? '*'].filter((part) => part !== null).join('.')
  switch (metric) {
    case 'p50_ms':
    case 'p95_ms':
    case 'p99_ms':
    case 'mean_ms':
    case 'max_ms':
    case 'total_ms':
    case 'first_token_p95_ms':
      return `Look at what a slow one waits for (\`perf-agent trace <id> --critical\`)${figure.layer === null ? '' : `, and at what half of it would bring (\`perf-agent what-if '${spans}' -50%\`)`}.`
    case 'error_rate':
    case 'success_rate':
      return 'The traces are of calls that failed; `perf-agent report` groups the errors by cause.'
    case 'calls_per_trace':
      return 'Fetch in one call what is fetched one by one, or keep it: one query with a list of keys, a batch, a cache.'
    case 'calls':
      return 'Find who calls it so often: the traces are of the longest calls.'
    case 'tokens':
    case 'tokens_per_call':
    case 'input_tokens_per_call':
    case 'output_tokens_per_call':
      return 'Send less: unused tool definitions, old turns, whole documents; limit the length of the answer.'
    case 'cost_usd':
    case 'cost_usd_per_call':
      return 'Fewer tokens, cached prompts, or a cheaper model for what it serves as well; `perf-agent findings` names what it knows.'
    case 'self_cpu_ms':
      return `See which functions take it: \`perf-agent flame${figure.name === null ? '' : ` --span '${figure.name}'`}\`.`
    case 'heap_peak_mb':
    case 'rss_peak_mb':
      return 'See what is in memory: `perf-agent heap` with snapshots of `PERF_TRIGGERS`, or `PERF_HEAP=sampling` for who allocates.'
    case 'event_loop_delay_p99_ms':
    case 'event_loop_delay_max_ms':
      return 'Something blocks the event loop: `perf-agent report` names the stalls with their code.'
    case 'cache_hit_rate':
      return 'Keep entries longer, keep more of them, or make their keys less particular; `perf-agent report` shows what the misses cost.'
    default:
      return 'See `perf-agent report`.'
  }
}

function nextCommand({ metric, sql }: Threshold, figure: SubjectFigure, traces: readonly string[]): string {
  const trace = traces[0]
  if (figure.findings !== undefined)
    return figure.findings[0] === undefined ? 'perf-agent findings' : `perf-agent show ${figure.findings[0].id}`
  if (metric === 'self_cpu_ms') return 'perf-agent flame'
  if (trace !== undefined) return `perf-agent trace ${trace.slice(0, 12)}`
  return sql === undefined ? 'perf-agent report' : `perf-agent sql ${JSON.stringify(sql.replace(/\s+/g, ' ').trim())}`
}
