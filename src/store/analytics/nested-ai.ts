import type { DuckDBConnection } from '@duckdb/node-api'
import { PARENT_KEY } from './parent-key.ts'

/** Spans between two AI spans through which one call can go; a tool or an agent in between makes calls of its own. */
const OWN_CALLS = `('tool', 'workflow', 'step', 'node', 'mcp')`
/** Spans from one AI span up to the other, at most. */
const MAX_DEPTH = 8

/**
 * Notes which AI spans stand for a call that another one counts: a framework's span around the SDK's. Of AI spans inside each other, with
 * nothing but their own transport between them, the innermost that carries usage counts; where none does, the innermost.
 */
export async function noteNestedAi(connection: DuckDBConnection): Promise<void> {
  await connection.run(`
    CREATE OR REPLACE TEMP TABLE nested_ai AS SELECT span_id, trace_id, ${PARENT_KEY} AS parent, contains(attributes, '"gen_ai.usage.') AS usage,
      coalesce(attributes->>'gen_ai.operation.name' = 'embeddings', false) AS embeds FROM store.spans WHERE layer = 'ai'
      QUALIFY count(*) OVER (PARTITION BY trace_id) > 1;
    CREATE OR REPLACE TEMP TABLE nested_up AS SELECT span_id AS inner_id, parent AS above, trace_id FROM nested_ai WHERE parent IS NOT NULL;
    CREATE OR REPLACE TEMP TABLE nested_pairs (inner_id UBIGINT, inner_usage BOOLEAN, outer_id UBIGINT, outer_usage BOOLEAN)`)
  // Step by step instead of a recursive query, whose join DuckDB makes quadratic in the spans of a session.
  for (let depth = 0; depth < MAX_DEPTH && (await hasRows(connection)); depth++) await connection.run(UP)
  await connection.run(`BEGIN; DELETE FROM store.ai_uncounted; INSERT INTO store.ai_uncounted ${UNCOUNTED}; COMMIT;
    DROP TABLE nested_ai; DROP TABLE nested_up; DROP TABLE nested_pairs`)
}

async function hasRows(connection: DuckDBConnection): Promise<boolean> {
  return (await connection.runAndReadAll('SELECT 1 FROM nested_up LIMIT 1')).currentRowCount > 0
}

/** Notes the AI spans that were reached, and goes one span up. */
const UP = `
  INSERT INTO nested_pairs SELECT i.span_id, i.usage, o.span_id, o.usage FROM nested_up up
    JOIN nested_ai i ON i.span_id = up.inner_id JOIN nested_ai o ON o.span_id = up.above AND o.trace_id = up.trace_id AND o.embeds = i.embeds;
  CREATE OR REPLACE TEMP TABLE nested_up AS SELECT inner_id, ${PARENT_KEY} AS above, trace_id FROM
    (SELECT up.inner_id, s.* FROM store.spans s JOIN nested_up up ON s.span_id = up.above AND s.trace_id = up.trace_id
     WHERE s.layer NOT IN ${OWN_CALLS} AND s.kind <> 'server') WHERE above IS NOT NULL`

const UNCOUNTED = `
  WITH wrappers AS (SELECT DISTINCT outer_id FROM nested_pairs WHERE inner_usage OR NOT outer_usage)
  SELECT outer_id FROM wrappers UNION
  SELECT inner_id FROM nested_pairs WHERE NOT inner_usage AND outer_usage AND outer_id NOT IN (FROM wrappers)`
