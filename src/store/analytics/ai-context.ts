import type { DuckDBConnection } from '@duckdb/node-api'
import { noteContinuedPrompts, PROMPTS } from './ai-continued.ts'
import { PARENT_KEY } from './parent-key.ts'

/** Spans from a call up to the one that says its agent or conversation, at most. */
const MAX_DEPTH = 24
/** Layers whose attributes may name an agent or a user session; those of queries and requests sent are not looked through. */
const CARRIERS = `('workflow', 'step', 'node', 'function', 'tool', 'ai', 'mcp')`

/**
 * Notes for each AI and tool call to which conversation it belongs and which agent made it. In this order: the id the call itself carries;
 * that of the span around it, or the only one of its trace; the first response of a chain (`previous_response_id`); the user's session
 * (`session.id`); for chats whose prompt repeats what was said before, the first call of the chat.
 */
export async function noteAiContext(connection: DuckDBConnection): Promise<void> {
  await connection.run(CARRIED)
  if (!(await hasRows(connection, 'ctx_carried')) && !(await hasRows(connection, `store.payloads WHERE ${PROMPTS}`))) {
    await connection.run('DELETE FROM store.ai_context; DROP TABLE ctx_carried')
    return
  }
  await connection.run(CHAINS)
  // Roots of chains by doubling: each round looks twice as far.
  while (await hasRows(connection, `ctx_chains c JOIN ctx_chains n ON n.id = c.root AND n.root <> c.root`))
    await connection.run(`CREATE OR REPLACE TEMP TABLE ctx_chains AS SELECT c.id, coalesce(n.root, c.root) AS root FROM ctx_chains c
      LEFT JOIN ctx_chains n ON n.id = c.root`)
  await connection.run(KNOWN)
  for (let depth = 0; depth < MAX_DEPTH && (await hasRows(connection, 'ctx_up')); depth++) await connection.run(UP)
  await connection.run(RESOLVED)
  await noteContinuedPrompts(connection)
  await connection.run(`BEGIN; DELETE FROM store.ai_context; INSERT INTO store.ai_context ${CONTEXT}; COMMIT;
    ${['carried', 'chains', 'ids', 'traces', 'calls', 'up', 'found', 'resolved', 'continued'].map((name) => `DROP TABLE ctx_${name}`).join(';')}`)
}

async function hasRows(connection: DuckDBConnection, from: string): Promise<boolean> {
  return (await connection.runAndReadAll(`SELECT 1 FROM ${from} LIMIT 1`)).currentRowCount > 0
}

const SAID = (key: string): string => `CASE WHEN contains(attributes, '"${key}"') THEN attributes->>'${key}' END`

/** Spans that say something about themselves and what is below them. */
const CARRIED = `
  CREATE OR REPLACE TEMP TABLE ctx_carried AS
    SELECT * FROM (SELECT span_id, trace_id, layer, conversation, NULL::VARCHAR AS agent, NULL::VARCHAR AS user_session FROM store.spans
        WHERE conversation IS NOT NULL AND NOT (layer IN ${CARRIERS} OR kind = 'server')
      UNION ALL SELECT span_id, trace_id, layer, conversation, ${SAID('gen_ai.agent.name')}, ${SAID('session.id')} FROM store.spans
        WHERE layer IN ${CARRIERS} OR kind = 'server')
    WHERE conversation IS NOT NULL OR agent IS NOT NULL OR user_session IS NOT NULL`

/** A call that names an earlier response instead of a conversation continues that one's chain. */
const CHAINS = `
  CREATE OR REPLACE TEMP TABLE ctx_responses AS SELECT span_id, trace_id, conversation, ${SAID('gen_ai.response.id')} AS response FROM store.spans
    WHERE layer = 'ai' AND EXISTS (FROM ctx_carried WHERE layer = 'ai' AND conversation IS NOT NULL);
  CREATE OR REPLACE TEMP TABLE ctx_follows AS SELECT span_id, trace_id, response, conversation AS previous FROM ctx_responses
    WHERE conversation IS NOT NULL AND (conversation LIKE 'resp\\_%' ESCAPE '\\' OR conversation LIKE 'msg\\_%' ESCAPE '\\'
      OR conversation IN (SELECT response FROM ctx_responses WHERE response IS NOT NULL));
  CREATE OR REPLACE TEMP TABLE ctx_chains AS SELECT response AS id, min(previous) AS root FROM ctx_follows
    WHERE response IS NOT NULL AND response <> previous GROUP BY response`

/** Ids by how much they say: 0 given, 1 chain of responses, 2 session of the user. */
const KNOWN = `
  CREATE OR REPLACE TEMP TABLE ctx_ids AS
    SELECT span_id, trace_id, conversation AS id, 0 AS rank FROM ctx_carried
      WHERE conversation IS NOT NULL AND span_id NOT IN (SELECT span_id FROM ctx_follows)
    UNION ALL SELECT f.span_id, f.trace_id, coalesce(c.root, f.previous), 1 FROM ctx_follows f LEFT JOIN ctx_chains c ON c.id = f.previous
    UNION ALL SELECT r.span_id, r.trace_id, r.response, 1 FROM ctx_responses r
      WHERE r.conversation IS NULL AND r.response IN (SELECT root FROM ctx_chains UNION SELECT previous FROM ctx_follows)
    UNION ALL SELECT span_id, trace_id, user_session, 2 FROM ctx_carried WHERE user_session IS NOT NULL AND conversation IS NULL;
  CREATE OR REPLACE TEMP TABLE ctx_traces AS
    SELECT trace_id, min(id) AS id, count(DISTINCT id) AS ids, rank FROM
      (SELECT *, min(rank) OVER (PARTITION BY trace_id) AS least FROM ctx_ids) WHERE rank = least GROUP BY trace_id, rank;
  CREATE OR REPLACE TEMP TABLE ctx_calls AS SELECT span_id, trace_id, layer, start_ns, coalesce(duration_ns, 0) AS duration_ns, ${PARENT_KEY} AS parent FROM store.spans
    WHERE layer IN ('ai', 'tool');
  CREATE OR REPLACE TEMP TABLE ctx_up AS SELECT span_id, trace_id, span_id AS above FROM ctx_calls WHERE trace_id IN
    (SELECT trace_id FROM ctx_traces WHERE ids > 1 UNION SELECT trace_id FROM ctx_carried WHERE agent IS NOT NULL);
  CREATE OR REPLACE TEMP TABLE ctx_found (span_id UBIGINT, depth INTEGER, id VARCHAR, rank INTEGER, agent VARCHAR);
  DROP TABLE ctx_responses; DROP TABLE ctx_follows;
  SET VARIABLE ctx_depth = 0`

// Step by step instead of a recursive query, whose join DuckDB makes quadratic in the spans of a session.
const UP = `
  INSERT INTO ctx_found SELECT up.span_id, getvariable('ctx_depth'), i.id, i.rank, c.agent FROM ctx_up up
    LEFT JOIN ctx_ids i ON i.span_id = up.above LEFT JOIN ctx_carried c ON c.span_id = up.above AND c.agent IS NOT NULL
    WHERE i.id IS NOT NULL OR c.agent IS NOT NULL;
  SET VARIABLE ctx_depth = getvariable('ctx_depth') + 1;
  CREATE OR REPLACE TEMP TABLE ctx_up AS SELECT call AS span_id, trace_id, above FROM (SELECT call, trace_id, ${PARENT_KEY} AS above FROM
    (SELECT up.span_id AS call, s.* FROM ctx_up up JOIN store.spans s ON s.span_id = up.above AND s.trace_id = up.trace_id)) WHERE above IS NOT NULL`

/** Of all that is known of a call the best: what is given before a chain before a session; its own before that around it before that of its trace. */
const RESOLVED = `
  CREATE OR REPLACE TEMP TABLE ctx_resolved AS
    WITH candidates AS (
      SELECT i.span_id, i.id, i.rank * 1000 AS place FROM ctx_ids i SEMI JOIN ctx_calls c ON c.span_id = i.span_id
      UNION ALL SELECT span_id, id, rank * 1000 + 100 + depth FROM ctx_found WHERE id IS NOT NULL
      UNION ALL SELECT c.span_id, t.id, t.rank * 1000 + 200 FROM ctx_calls c JOIN ctx_traces t ON t.trace_id = c.trace_id AND t.ids = 1),
      best AS (SELECT span_id, arg_min(id, place) AS id, min(place) AS place FROM candidates GROUP BY span_id)
    SELECT c.span_id, c.trace_id, c.layer, b.id, CASE WHEN place = 0 THEN 'recorded' WHEN place < 1000 THEN 'inherited' WHEN place < 2000 THEN 'chain' ELSE 'session' END AS source,
      a.agent FROM ctx_calls c LEFT JOIN best b ON b.span_id = c.span_id
      LEFT JOIN (SELECT span_id, arg_min(agent, depth) AS agent FROM ctx_found WHERE agent IS NOT NULL GROUP BY span_id) a ON a.span_id = c.span_id`

// A condition on the left side alone would make a LEFT JOIN quadratic in DuckDB: it stands in a CASE.
/** Tools take part in the conversation that the AI calls of their trace were found to be. */
const CONTEXT = `
  SELECT r.span_id, coalesce(r.id, c.id, t.id) AS conversation, CASE WHEN r.id IS NOT NULL THEN r.source WHEN coalesce(c.id, t.id) IS NOT NULL THEN 'inferred' END AS source, r.agent
  FROM ctx_resolved r LEFT JOIN ctx_continued c ON c.span_id = r.span_id
    LEFT JOIN (SELECT trace_id, min(c.id) AS id FROM ctx_continued c JOIN ctx_resolved USING (span_id) GROUP BY trace_id HAVING count(DISTINCT c.id) = 1) t
      ON t.trace_id = CASE WHEN r.layer = 'tool' THEN r.trace_id END
  WHERE coalesce(r.id, c.id, t.id, r.agent) IS NOT NULL`
