import { createHash } from 'node:crypto'
import type { KeptViewName } from '../store/analytics/kept-views.ts'
import type { SessionReader } from '../store/query.ts'
import type { Draft, Finding, FindingCost, FindingKind, SessionFacts, Severity } from './finding.ts'
import { withPlaces } from './find-places.ts'
import { findingKinds } from './findings/registry.ts'

const RANK: Record<Severity, number> = { high: 0, medium: 1, low: 2 }

/** Views that are computed once, and how a query names them or a view over them. */
const READ_BY_MANY: Record<KeptViewName, RegExp> = {
  ai_calls: /\bai_calls\b/,
  cache_ops: /\bcache(?:s|_ops)\b/,
  call_targets: /\bcall_targets\b/,
}

/** Runs every kind of finding over a session: the costliest first, the same order for the same session. */
export async function findAll(reader: SessionReader, kinds: readonly FindingKind[] = findingKinds): Promise<Finding[]> {
  const session = await sessionFacts(reader)
  const cpu = await cpuByName(reader)
  const findings: Finding[] = []
  const run = async (): Promise<void> => {
    for (const kind of kinds) {
      const rows = kind.read === undefined ? await reader.rows(kind.sql) : await kind.read(reader)
      findings.push(...kind.find(rows, session).map((draft) => finish(kind, draft, session, cpu)))
    }
  }
  const kept = (Object.keys(READ_BY_MANY) as KeptViewName[]).filter((view) => kinds.some(({ sql }) => READ_BY_MANY[view].test(sql)))
  await reader.withKept(kept, run)
  return rankFindings(await withPlaces(reader, findings))
}

/** Whether a kind reads operations of caches, which take much memory to keep. */
export const readsCaches = ({ sql }: FindingKind): boolean => READ_BY_MANY.cache_ops.test(sql)

/** The costliest first, the same order for the same findings. */
export function rankFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (a, b) =>
      RANK[a.severity] - RANK[b.severity] ||
      (b.cost.total_ms ?? 0) - (a.cost.total_ms ?? 0) ||
      (b.cost.usd ?? 0) - (a.cost.usd ?? 0) ||
      (a.id < b.id ? -1 : 1),
  )
}

async function sessionFacts(reader: SessionReader): Promise<SessionFacts> {
  const [facts] = await reader.rows<SessionFacts>(
    `SELECT coalesce(sum(duration_ms * weight), 0) AS busy_ms, coalesce(round(sum(weight)), 0)::BIGINT AS traces,
       coalesce(epoch_ms(max(start_time)) - epoch_ms(min(start_time)) + max(duration_ms), 0)::DOUBLE AS duration_ms FROM traces`,
  )
  return facts ?? { busy_ms: 0, traces: 0, duration_ms: 0 }
}

/** Milliseconds of CPU that were sampled in spans of one name; empty without a profile. */
async function cpuByName(reader: SessionReader): Promise<Map<string, number>> {
  const rows = await reader.rows<{ layer: string; name: string; ms: number }>(
    `SELECT layer, name, sum(us) / 1e3 AS ms FROM (SELECT span_id, sum(self_us) AS us FROM store.samples WHERE span_id <> 0 GROUP BY span_id) c JOIN spans s ON s.span_key = c.span_id GROUP BY ALL`,
  )
  return new Map(rows.map(({ layer, name, ms }) => [`${layer}\0${name}`, ms]))
}

function finish(kind: FindingKind, draft: Draft, session: SessionFacts, cpu: ReadonlyMap<string, number>): Finding {
  const id = `${kind.kind}-${createHash('sha256').update(`${kind.kind}\0${draft.key}`).digest('hex').slice(0, 8)}`
  const cost = costOf(draft, cpu)
  const traces = [...new Set((draft.traces ?? []).filter((trace) => trace !== null))].slice(0, 3)
  return {
    id,
    kind: kind.kind,
    severity: draft.severity ?? severityOf(cost.total_ms ?? 0, session),
    title: draft.title,
    cost,
    evidence: { query: squeeze(draft.query ?? kind.sql), traces, places: draft.places ?? [], facts: draft.facts ?? {} },
    advice: draft.advice,
    next_command: draft.next_command ?? (traces[0] === undefined ? `perf-agent show ${id}` : `perf-agent trace ${traces[0].slice(0, 12)}`),
  }
}

function costOf({ cost, cpu: spans }: Draft, cpu: ReadonlyMap<string, number>): FindingCost {
  const { calls, total_ms = null, tokens = null, usd = null } = cost
  const sampled = spans === undefined ? undefined : cpu.get(`${spans.layer}\0${spans.name}`)
  const cpu_ms = cost.cpu_ms ?? (sampled === undefined ? null : sampled * (spans?.share ?? 1))
  const each = (whole: number | null): number | null => (whole === null || calls === 0 ? null : whole / calls)
  return {
    calls,
    total_ms,
    per_call_ms: cost.per_call_ms ?? each(total_ms),
    cpu_ms,
    per_call_cpu_ms: each(cpu_ms),
    tokens,
    per_call_tokens: each(tokens),
    usd,
    per_call_usd: each(usd),
  }
}

/** By the share of all traces' time: a fifth is high, a twentieth medium. */
function severityOf(ms: number, session: SessionFacts): Severity {
  const share = session.busy_ms === 0 ? 0 : ms / session.busy_ms
  return share >= 0.2 ? 'high' : share >= 0.05 ? 'medium' : 'low'
}

const squeeze = (sql: string): string => sql.replace(/\s+/g, ' ').trim()
