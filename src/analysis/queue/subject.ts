import type { SessionReader } from '../../store/query.ts'
import type { Violation } from '../audit/violation.ts'
import { CALLED } from '../../store/analytics/call-targets.ts'
import type { Finding } from '../finding.ts'
import type { CandidateMetric, CandidateSubject, Measure, Measured, Savings } from './candidate.ts'

/**
 * Kinds of findings whose cost is the whole time of what they name, not only what could be avoided: half of it is taken for the saving, as nothing
 * says how fast it could be. The cost of all others is what would go away.
 */
const HALF_AVOIDABLE = new Set([
  'bottleneck',
  'slow-endpoint',
  'slow-query',
  'slow-first-token',
  'missing-streaming',
  'oversized-context',
  'blocking-call',
])

/** Kinds that are about failures. */
const FAILURES = new Set(['error-group', 'failing-tool'])

/** Where a finding is felt: in the endpoint, statement, tool, parent or call that it names, else in the traces that show it; null where in none. */
export async function subjectOfFinding(reader: SessionReader, finding: Finding): Promise<CandidateSubject | null> {
  const { facts } = finding.evidence
  const text = (name: string): string | undefined => (typeof facts[name] === 'string' ? facts[name] : undefined)
  const [parent, route, statement, tool, call, layer, span, model, server] = ['parent', 'route', 'statement', 'tool', 'call', 'layer', 'span', 'model', 'server'].map(text) // prettier-ignore
  if (finding.kind === 'pool-starvation' && server !== undefined) return { of: 'queries', where: { server }, measure: 'pool_wait_ms' }
  if (finding.kind === 'slow-first-token' && model !== undefined) return { of: 'ai_calls', where: { model }, measure: 'first_token_ms' }
  if (finding.kind === 'lost-context' || finding.kind === 'regression') return null
  const measure = measureOf(finding)
  if (measure === 'duration_ms' || measure === 'failed') {
    if (parent !== undefined) return { of: 'spans', where: await parentLike(reader, finding, parent), measure }
    if (statement !== undefined) return { of: 'queries', where: { statement }, measure }
    if (tool !== undefined) return { of: 'tool_calls', where: { tool }, measure }
    if (route !== undefined && finding.kind === 'slow-endpoint') return { of: 'requests', where: { route }, measure }
    if (call !== undefined && layer !== undefined) return { of: 'spans', where: await callLike(reader, finding, call, layer), measure }
    if (span !== undefined) return { of: 'spans', where: { name: span }, measure }
  }
  return tracesLike(reader, finding.evidence.traces, measure)
}

const idsOf = (traces: readonly string[]): string => traces.filter((id) => /^[0-9a-f]{32}$/.test(id)).map((id) => `'${id}'`).join(', ') // prettier-ignore
const quoted = (text: unknown): string => `'${String(text).replaceAll("'", "''")}'`

/** Requests sent and served may have one name: the parent is of the layer and kind that makes the calls in the finding's traces. */
async function parentLike(reader: SessionReader, { evidence }: Finding, name: string): Promise<CandidateSubject['where']> {
  const ids = idsOf(evidence.traces)
  const { call, second } = evidence.facts
  const [like] =
    ids === ''
      ? []
      : await reader.rows<{ layer: string; kind: string }>(
          `SELECT p.layer, p.kind FROM spans p JOIN (SELECT parent_key, span_key, kind, ${CALLED} AS called FROM spans s WHERE trace_id IN (${ids})) c ON c.parent_key = p.span_key
           WHERE p.trace_id IN (${ids}) AND p.name = ${quoted(name)} AND c.called IN (${quoted(call)}, ${quoted(second)}) AND c.kind <> 'server' GROUP BY p.layer, p.kind
           ORDER BY count(*) / count(DISTINCT p.span_key) DESC, p.layer, p.kind LIMIT 1`,
        )
  return { name, ...like }
}

/** The same of a call: the kind that failed, else the most frequent. */
async function callLike(reader: SessionReader, { evidence }: Finding, name: string, layer: string): Promise<CandidateSubject['where']> {
  const ids = idsOf(evidence.traces)
  const [like] =
    ids === ''
      ? []
      : await reader.rows<{ kind: string }>(
          `SELECT kind FROM spans WHERE trace_id IN (${ids}) AND name = ${quoted(name)} AND layer = ${quoted(layer)}
           GROUP BY kind ORDER BY count(*) FILTER (status = 'error') DESC, count(*) DESC, kind LIMIT 1`,
        )
  return { name, layer, ...like }
}

/** Traces that begin like most of these; null where there are none. */
async function tracesLike(reader: SessionReader, traces: readonly string[], measure: Measure): Promise<CandidateSubject | null> {
  const ids = idsOf(traces)
  if (ids === '') return null
  const [root] = await reader.rows<{ name: string; layer: string; kind: string }>(
    `SELECT name, layer, kind FROM traces WHERE trace_id IN (${ids}) GROUP BY ALL ORDER BY count(*) DESC, name LIMIT 1`,
  )
  return root === undefined ? null : { of: 'traces', where: root, measure }
}

function measureOf({ kind, cost }: Finding): Measure {
  if (FAILURES.has(kind)) return 'failed'
  if ((cost.usd ?? 0) > 0) return 'usd'
  return (cost.tokens ?? 0) > 0 ? 'tokens' : 'duration_ms'
}

/** What the calls of a threshold are; null for metrics that are not of calls. */
export function subjectOfViolation({ subject }: Violation): CandidateSubject | null {
  const { metric } = subject
  const measure = measureOfMetric(metric)
  if (measure === null) return null
  const where = {
    ...(subject.name === undefined ? {} : { name: subject.name }),
    ...(subject.layer === undefined ? {} : { layer: subject.layer }),
  }
  if (measure === 'usd' || measure === 'tokens' || measure === 'first_token_ms') {
    return { of: 'ai_calls', where: subject.name === undefined ? {} : { name: subject.name }, measure }
  }
  const isSession = subject.name === undefined && subject.layer === undefined
  return { of: isSession && measure !== 'cpu_ms' ? 'traces' : 'spans', where, measure }
}

function measureOfMetric(metric: string): Measure | null {
  if (metric === 'self_cpu_ms') return 'cpu_ms'
  if (metric === 'first_token_p95_ms') return 'first_token_ms'
  if (metric === 'error_rate' || metric === 'success_rate') return 'failed'
  if (metric === 'calls_per_trace') return 'calls'
  if (metric.endsWith('tokens_per_call')) return 'tokens'
  if (metric === 'cost_usd_per_call') return 'usd'
  return /^(p\d+|mean|max)_ms$/.test(metric) ? 'duration_ms' : null
}

/** What a finding would save; see `HALF_AVOIDABLE`. */
export function savingsOfFinding({ kind, cost, evidence }: Finding): Savings {
  if (FAILURES.has(kind) || (kind === 'regression' && evidence.facts['metric'] === 'errors'))
    return { ms: 0, cpu_ms: 0, tokens: 0, usd: 0, failures: cost.calls }
  const share = HALF_AVOIDABLE.has(kind) ? 0.5 : 1
  const part = (value: number | null): number => (value ?? 0) * share
  return { ms: part(cost.total_ms), cpu_ms: part(cost.cpu_ms), tokens: part(cost.tokens), usd: part(cost.usd), failures: 0 }
}

/** What it would save to keep a threshold: what is too much per call, times the calls. */
export function savingsOfViolation({ subject, unit, current, target, calls, level }: Violation): Savings {
  const none: Savings = { ms: 0, cpu_ms: 0, tokens: 0, usd: 0, failures: 0 }
  const isTotal = /^(total_ms|tokens|cost_usd|calls)$/.test(subject.metric)
  const excess = Math.abs(current - target) * (isTotal ? 1 : (calls ?? 1))
  // Of a percentile only the calls above it are too slow.
  const slow = /^p(\d+)_ms$/.exec(subject.metric)?.[1]
  if (subject.metric === 'self_cpu_ms') return { ...none, cpu_ms: excess }
  if (/^(max|event_loop_delay_\w+)_ms$/.test(subject.metric)) return { ...none, ms: Math.abs(current - target) }
  if (unit === 'ms') return { ...none, ms: slow === undefined ? excess : excess * (1 - Number(slow) / 100) }
  if (unit === 'usd') return { ...none, usd: excess }
  if (unit === 'tokens') return { ...none, tokens: excess }
  if (unit === 'share' && calls !== null) return { ...none, failures: excess }
  // Memory, counts and SQL have no common price: as much as one failure.
  return { ...none, failures: level === 'fail' ? 1 : 0.1 }
}

const UNIT: Record<Measure, string> = {
  duration_ms: 'ms',
  cpu_ms: 'ms',
  pool_wait_ms: 'ms',
  first_token_ms: 'ms',
  usd: 'usd',
  tokens: 'tokens',
  calls: 'calls',
  failed: 'share',
}

const WORD: Record<Measure, string> = {
  duration_ms: 'duration',
  cpu_ms: 'CPU',
  pool_wait_ms: 'wait for a connection',
  first_token_ms: 'first token',
  usd: 'cost',
  tokens: 'tokens',
  calls: 'calls per trace',
  failed: 'error rate',
}

/** Figures of a finding's subject: the mean with what would be left of it, median and 95th percentile as they are. */
export function metricsOfFinding(subject: CandidateSubject | null, measured: Measured | null, saves: Savings): CandidateMetric[] {
  if (subject === null || measured === null || measured.calls === 0) return []
  const unit = UNIT[subject.measure]
  const word = WORD[subject.measure]
  if (subject.measure === 'failed') return [{ metric: word, unit, current: measured.failed / measured.calls, target: 0 }]
  const saved = subject.measure === 'usd' ? saves.usd : subject.measure === 'tokens' ? saves.tokens : saves.ms
  const target = measured.mean === null || saved === 0 ? null : Math.max(0, measured.mean - saved / measured.calls)
  return [
    { metric: `mean ${word}`, unit, current: measured.mean, target },
    { metric: `median ${word}`, unit, current: measured.median, target: null },
    { metric: `p95 ${word}`, unit, current: measured.p95, target: null },
  ]
}
