import type { SessionReader } from '../../store/query.ts'
import { keptQuality, type KeptQuality } from '../scoring/kept-quality.ts'

/** What the report says of AI calls besides the models: as much as fits in a few lines, the pages (`report --ai`) say the rest. */
export interface AiGlance {
  conversations: {
    total: number
    calls: number
    cost_usd: number | null
    errors: number
    /** The one that cost the most, without prices the one with the most calls; null where none is known. */
    first: string | null
    first_calls: number
    first_usd: number | null
  }
  /** Null while no scorers ran (`perf-agent score`). */
  quality: KeptQuality | null
}

/** The AI calls of a session at a glance. */
export async function aiGlance(reader: SessionReader): Promise<AiGlance> {
  const [all] = await reader.rows<AiGlance['conversations']>(
    `SELECT count(*) AS total, coalesce(sum(calls), 0)::BIGINT AS calls, sum(cost_usd) AS cost_usd, coalesce(sum(errors), 0)::BIGINT AS errors, first.conversation AS first,
       coalesce(first.calls, 0) AS first_calls, first.usd AS first_usd
     FROM (SELECT *, first_value({conversation: conversation, calls: calls, usd: cost_usd}) OVER (ORDER BY cost_usd DESC NULLS LAST, calls DESC, start_time, conversation) AS first
       FROM conversations) GROUP BY first`,
  )
  const none = { total: 0, calls: 0, cost_usd: null, errors: 0, first: null, first_calls: 0, first_usd: null }
  return { conversations: all ?? none, quality: await keptQuality(reader, 1) }
}
