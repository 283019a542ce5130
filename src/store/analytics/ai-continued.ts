import type { DuckDBConnection } from '@duckdb/node-api'

/** A prompt is looked for in those that are shorter by this many messages at most: one turn with its tool calls. */
const MAX_NEW_MESSAGES = 16
/** Payloads that hold a prompt, message by message. */
export const PROMPTS = `role = 'gen_ai.input.messages' AND parts IS NOT NULL`
/** Rounds of doubling: conversations of up to 2^20 calls. */
const MAX_ROUNDS = 20

/**
 * Fills `ctx_continued` (span_id, id): calls whose prompt begins with the whole prompt of an earlier call, message by message (by their keyed
 * hashes), continue it. Of several calls with one prompt each is continued by another answer; the id is `chat-` and the first call's span id.
 */
export async function noteContinuedPrompts(connection: DuckDBConnection): Promise<void> {
  await connection.run(LINKS)
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { currentRowCount } = await connection.runAndReadAll(`SELECT 1 FROM ctx_links l JOIN ctx_links n ON n.span_id = l.root LIMIT 1`)
    if (currentRowCount === 0) break
    await connection.run(`CREATE OR REPLACE TEMP TABLE ctx_links AS SELECT l.span_id, coalesce(n.root, l.root) AS root FROM ctx_links l
      LEFT JOIN ctx_links n ON n.span_id = l.root`)
  }
  await connection.run(`
    CREATE OR REPLACE TEMP TABLE ctx_continued AS SELECT span_id, printf('chat-%016x', root) AS id FROM
      (SELECT span_id, root FROM ctx_links UNION SELECT root, root FROM ctx_links);
    DROP TABLE ctx_links; DROP TABLE ctx_prompts; DROP TABLE ctx_begins`)
}

const LINKS = `
  CREATE OR REPLACE TEMP TABLE ctx_prompts AS
    SELECT span_id, start_ns, ended_ns, parts, len(parts) AS n, hash(parts) AS whole FROM
      (SELECT c.span_id, c.start_ns, c.start_ns + c.duration_ns AS ended_ns, p.parts->>'$[*].hash' AS parts FROM ctx_calls c
        JOIN ctx_resolved r ON r.span_id = c.span_id AND r.id IS NULL
        JOIN store.payloads p ON p.span_id = c.span_id AND p.role = 'gen_ai.input.messages'
        WHERE c.layer = 'ai' AND c.span_id NOT IN (FROM store.ai_uncounted) AND p.parts IS NOT NULL AND NOT p.truncated)
    WHERE len(parts) > 0;
  CREATE OR REPLACE TEMP TABLE ctx_begins AS
    SELECT b.span_id, b.start_ns, b.size, b.begin, b.next FROM
      (SELECT span_id, start_ns, size, hash(parts[1:size]) AS begin, parts[size + 1] AS next FROM
        (SELECT span_id, start_ns, parts, unnest(range(greatest(1, n - ${MAX_NEW_MESSAGES}), n)) AS size FROM ctx_prompts WHERE n > 1)) b
      SEMI JOIN ctx_prompts p ON p.n = b.size AND p.whole = b.begin
    QUALIFY row_number() OVER (PARTITION BY b.span_id ORDER BY b.size DESC) = 1;
  CREATE OR REPLACE TEMP TABLE ctx_links AS
    WITH firsts AS (SELECT n, whole, span_id, ended_ns, row_number() OVER (PARTITION BY n, whole ORDER BY start_ns, span_id) AS nth,
        count(*) OVER (PARTITION BY n, whole) AS calls FROM ctx_prompts),
      answers AS (SELECT size, begin, next, row_number() OVER (PARTITION BY size, begin ORDER BY min(start_ns), next) AS nth FROM ctx_begins GROUP BY size, begin, next)
    SELECT b.span_id, f.span_id AS root FROM ctx_begins b
      JOIN answers a ON a.size = b.size AND a.begin = b.begin AND a.next = b.next
      JOIN firsts f ON f.n = b.size AND f.whole = b.begin AND f.nth = least(a.nth, f.calls)
    WHERE f.ended_ns <= b.start_ns`
