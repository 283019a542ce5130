import { createHash } from 'node:crypto'
import type { SessionReader } from '../store/query.ts'
import type { Draft, Finding, FindingKind, SessionFacts, Severity } from './finding.ts'
import { findingKinds } from './findings/registry.ts'

const RANK: Record<Severity, number> = { high: 0, medium: 1, low: 2 }

/** Runs every kind of finding over a session: the costliest first, the same order for the same session. */
export async function findAll(reader: SessionReader, kinds: readonly FindingKind[] = findingKinds): Promise<Finding[]> {
  const session = await sessionFacts(reader)
  const findings: Finding[] = []
  for (const kind of kinds) {
    const drafts = kind.find(await reader.rows(kind.sql), session)
    findings.push(...drafts.map((draft) => finish(kind, draft, session)))
  }
  return findings.sort(
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

function finish(kind: FindingKind, draft: Draft, session: SessionFacts): Finding {
  const id = `${kind.kind}-${createHash('sha256').update(`${kind.kind}\0${draft.key}`).digest('hex').slice(0, 8)}`
  const { calls, total_ms = null, cpu_ms = null, tokens = null, usd = null } = draft.cost
  const per_call_ms = draft.cost.per_call_ms ?? (total_ms === null || calls === 0 ? null : total_ms / calls)
  const traces = [...new Set((draft.traces ?? []).filter((trace) => trace !== null))].slice(0, 3)
  return {
    id,
    kind: kind.kind,
    severity: draft.severity ?? severityOf(total_ms ?? 0, session),
    title: draft.title,
    cost: { calls, total_ms, per_call_ms, cpu_ms, tokens, usd },
    evidence: { query: squeeze(draft.query ?? kind.sql), traces, places: draft.places ?? [], facts: draft.facts ?? {} },
    advice: draft.advice,
    next_command: draft.next_command ?? (traces[0] === undefined ? `perf-agent show ${id}` : `perf-agent trace ${traces[0].slice(0, 12)}`),
  }
}

/** By the share of all traces' time: a fifth is high, a twentieth medium. */
function severityOf(ms: number, session: SessionFacts): Severity {
  const share = session.busy_ms === 0 ? 0 : ms / session.busy_ms
  return share >= 0.2 ? 'high' : share >= 0.05 ? 'medium' : 'low'
}

const squeeze = (sql: string): string => sql.replace(/\s+/g, ' ').trim()
