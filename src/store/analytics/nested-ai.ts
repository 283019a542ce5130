import type { DuckDBConnection } from '@duckdb/node-api'
import { PARENT_KEY } from './views.ts'

/**
 * Notes which AI spans stand for a call that another one counts: a framework's span around the SDK's. Of AI spans inside each other, with
 * nothing but their own transport between them, the innermost that carries usage counts; where none does, the innermost.
 */
export async function noteNestedAi(connection: DuckDBConnection): Promise<void> {
  await connection.run(`BEGIN; DELETE FROM store.ai_uncounted; INSERT INTO store.ai_uncounted ${NESTED}; COMMIT`)
}

/** Spans between two AI spans through which one call can go; a tool or an agent in between makes calls of its own. */
const OWN_CALLS = `('tool', 'workflow', 'step', 'node', 'mcp')`
/** Spans from one AI span up to the other, at most. */
const MAX_DEPTH = 8

const NESTED = `
  WITH RECURSIVE ai AS MATERIALIZED (
    SELECT span_id, trace_id, ${PARENT_KEY} AS parent, contains(attributes, '"gen_ai.usage.') AS usage,
      coalesce(attributes->>'gen_ai.operation.name' = 'embeddings', false) AS embeds
    FROM store.spans WHERE layer = 'ai'),
  up AS (
    SELECT span_id AS inner_id, parent AS at, trace_id, 1 AS depth FROM ai
    UNION ALL
    SELECT inner_id, ${PARENT_KEY}, trace_id, depth + 1 FROM up JOIN store.spans s USING (trace_id)
    WHERE s.span_id = up.at AND s.layer NOT IN ${OWN_CALLS} AND s.kind <> 'server' AND depth < ${MAX_DEPTH}),
  pairs AS MATERIALIZED (
    SELECT i.span_id AS inner_id, i.usage AS inner_usage, o.span_id AS outer_id, o.usage AS outer_usage
    FROM up JOIN ai i ON i.span_id = up.inner_id JOIN ai o ON o.span_id = up.at AND o.trace_id = up.trace_id AND o.embeds = i.embeds),
  wrappers AS (SELECT DISTINCT outer_id FROM pairs WHERE inner_usage OR NOT outer_usage)
  SELECT outer_id FROM wrappers UNION
  SELECT inner_id FROM pairs WHERE NOT inner_usage AND outer_usage AND outer_id NOT IN (FROM wrappers)`
