import { createHash } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { aiViewQueries } from './ai-views.ts'
import { callTargetsQuery } from './call-targets.ts'
import { cacheOpsQuery, cachesQuery } from './cache-views.ts'
import { aggregateMacros } from './macros.ts'
import { PARENT_HEX, PARENT_KEY } from './parent-key.ts'
import { tracesOf } from './summaries.ts'
import { viewDocs } from './view-docs.ts'

/** SQL text of a 64-bit id, empty ids as null. */
const hex64 = (column: string): string => `CASE WHEN ${column} = 0 THEN NULL ELSE printf('%016x', ${column}) END`
/** SQL text of a 128-bit id. */
export const hex128 = (column: string): string =>
  `printf('%016x%016x', (${column} >> 64)::UBIGINT, (${column} & 18446744073709551615::UHUGEINT)::UBIGINT)`
const time = (column: string): string => `make_timestamp(${column} // 1000)`
// In parentheses: DuckDB's `->>` binds weaker than `=`.
const text = (key: string): string => `(attributes->>'${key}')`
const number = (key: string, type = 'BIGINT'): string => `TRY_CAST((attributes->>'${key}') AS ${type})`

/** What AI calls say of themselves, read at once: a key alone costs nearly as much as all of them. */
const AI_SAID = ['gen_ai.provider.name', 'gen_ai.operation.name', 'gen_ai.request.model', 'gen_ai.response.model', 'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens', 'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.reasoning.output_tokens', 'perf.ai.cost_usd', 'gen_ai.response.time_to_first_chunk', 'gen_ai.request.stream', 'perf.stream.end', 'perf.stream.chunks'] as const // prettier-ignore
const ai = (key: (typeof AI_SAID)[number]): string => `said[${AI_SAID.indexOf(key) + 1}]`

/** The columns every view over spans of one layer starts with. */
const BASE = 'span_id, trace_id, session, name, start_time, duration_ms, status, error_type'

/** And the columns they end with. */
const KEYS = 'span_key, parent_key, trace_key'

/** Select statements of the views users query, in the order in which they must be created. */
function viewQueries(session: string, hasOpenSpans: boolean): Record<string, string> {
  const sessionLiteral = `'${session.replaceAll("'", "''")}'`
  const spanColumns = `printf('%016x', span_id) AS span_id, ${PARENT_HEX} AS parent_id, ${hex128('trace_id')} AS trace_id,
    ${sessionLiteral} AS session, name, layer, integration, kind, ${time('start_ns')} AS start_time, duration_ns / 1e6 AS duration_ms, status, error_type,
    process, thread, variant, conversation, weight, capture, attributes, ${number('perf.cpu.self_ms', 'DOUBLE')} AS self_cpu_ms, start_ns, span_id AS span_key, ${PARENT_KEY} AS parent_key, trace_id AS trace_key`
  return {
    spans: `SELECT ${spanColumns} FROM store.spans${hasOpenSpans ? ` UNION ALL SELECT ${spanColumns} FROM store.open_spans` : ''}`,
    self_times: `SELECT printf('%016x', span_id) AS span_id, (duration_ns - least(duration_ns, coalesce(covered_ns, 0))) / 1e6 AS self_ms, span_id AS span_key
      FROM store.spans LEFT JOIN store.covered USING (span_id)`,
    calls: `SELECT s.* REPLACE (coalesce(ai.name, s.name) AS name, coalesce(ai.layer, s.layer) AS layer), s.duration_ms - least(s.duration_ms, coalesce(covered_ns, 0) / 1e6) AS self_ms,
      ai.name IS NOT NULL AS is_transport, w.span_id IS NOT NULL AS is_wrapper
      FROM spans s LEFT JOIN store.covered c ON c.span_id = s.span_key
        LEFT JOIN (SELECT span_id, name, layer FROM store.spans WHERE layer = 'ai') ai ON ai.span_id = CASE WHEN s.layer = 'http' THEN s.parent_key END
        LEFT JOIN store.ai_uncounted w ON w.span_id = s.span_key WHERE s.duration_ms IS NOT NULL`,
    call_targets: callTargetsQuery,
    traces: `SELECT ${hex128('trace_id')} AS trace_id, ${sessionLiteral} AS session, printf('%016x', root) AS root_span_id, name, layer, kind, ${time('start_ns')} AS start_time,
      duration_ns / 1e6 AS duration_ms, status, spans::BIGINT AS spans, errors::BIGINT AS errors, open, processes::BIGINT AS processes, layers, weight, trace_id AS trace_key
      FROM (${hasOpenSpans ? tracesWithOpen() : 'SELECT *, 0::BIGINT AS open FROM store.traces'})`,
    ai_calls: `SELECT ${BASE.replace('span_id', 's.span_id')}, ${ai('gen_ai.provider.name')} AS provider, ${ai('gen_ai.operation.name')} AS operation,
      coalesce(${ai('gen_ai.request.model')}, ${ai('gen_ai.response.model')}) AS model, ${ai('gen_ai.response.model')} AS response_model,
      TRY_CAST(${ai('gen_ai.usage.input_tokens')} AS BIGINT) AS input_tokens, TRY_CAST(${ai('gen_ai.usage.output_tokens')} AS BIGINT) AS output_tokens,
      TRY_CAST(${ai('gen_ai.usage.cache_read.input_tokens')} AS BIGINT) AS cache_read_tokens, TRY_CAST(${ai('gen_ai.usage.cache_creation.input_tokens')} AS BIGINT) AS cache_write_tokens,
      TRY_CAST(${ai('gen_ai.usage.reasoning.output_tokens')} AS BIGINT) AS reasoning_tokens, TRY_CAST(${ai('perf.ai.cost_usd')} AS DOUBLE) AS cost_usd,
      TRY_CAST(${ai('gen_ai.response.time_to_first_chunk')} AS DOUBLE) * 1000 AS first_token_ms, coalesce(${ai('gen_ai.request.stream')} = 'true', false) AS streamed,
      ${ai('perf.stream.end')} AS stream_end, TRY_CAST(${ai('perf.stream.chunks')} AS BIGINT) AS chunks, attributes->'gen_ai.response.finish_reasons' AS finish_reasons,
      coalesce(x.conversation, s.conversation) AS conversation, coalesce(x.source, CASE WHEN s.conversation IS NOT NULL THEN 'recorded' END) AS conversation_source, x.agent,
      process, weight, attributes, start_ns, ${KEYS} FROM (SELECT *, json_extract_string(attributes, [${AI_SAID.map((key) => `'${key}'`).join(', ')}]) AS said FROM spans WHERE layer = 'ai') s
      LEFT JOIN store.ai_context x ON x.span_id = s.span_key WHERE span_key NOT IN (FROM store.ai_uncounted)`,
    tool_calls: `SELECT ${BASE.replace('name,', 's.name,').replace('span_id', 's.span_id')}, coalesce(${text('gen_ai.tool.name')}, s.name) AS tool, ${text('gen_ai.tool.type')} AS type,
      ${text('gen_ai.tool.call.id')} AS call_id, variant, a.size AS arguments_bytes, a.hash AS arguments_hash, r.size AS result_bytes, r.hash AS result_hash,
      coalesce(x.conversation, s.conversation) AS conversation, x.agent, process, weight, attributes, ${KEYS} FROM spans s
      LEFT JOIN store.ai_context x ON x.span_id = s.span_key
      LEFT JOIN store.payloads a ON a.span_id = s.span_key AND a.role = 'tool.arguments'
      LEFT JOIN store.payloads r ON r.span_id = s.span_key AND r.role = 'tool.result' WHERE layer = 'tool'`,
    queries: `SELECT ${BASE}, ${text('db.system.name')} AS system, ${text('db.operation.name')} AS operation, ${text('db.collection.name')} AS collection,
      ${text('db.namespace')} AS namespace, ${text('db.query.text')} AS statement, ${text('db.query.summary')} AS summary,
      ${number('db.response.returned_rows')} AS rows, ${number('perf.pool.wait_ms', 'DOUBLE')} AS pool_wait_ms, ${number('db.operation.batch.size')} AS batch_size,
      ${text('server.address')} AS server, integration, process, weight, attributes, ${KEYS} FROM spans WHERE layer = 'db'`,
    requests: `SELECT ${BASE}, CASE kind WHEN 'server' THEN 'in' ELSE 'out' END AS direction, ${text('http.request.method')} AS method, ${text('http.route')} AS route,
      coalesce(${text('url.full')}, ${text('url.path')}) AS url, ${number('http.response.status_code', 'INTEGER')} AS status_code,
      ${text('server.address')} AS server, ${number('http.request.body.size')} AS request_bytes, ${number('http.response.body.size')} AS response_bytes,
      integration, process, weight, attributes, ${KEYS} FROM spans WHERE (layer = 'http' OR (layer = 'ai' AND contains(attributes, '"perf.ai.recognised_by":"host"'))) AND kind IN ('server', 'client')`,
    errors: `SELECT ${BASE.replace('name,', 's.name, s.layer, s.integration,').replace('span_id', 's.span_id')}, e.message, e.stack, process, weight, ${KEYS} FROM spans s
      LEFT JOIN (SELECT span_id, min(attributes->>'exception.message') AS message, min(attributes->>'exception.stacktrace') AS stack
        FROM store.events WHERE name = 'exception' GROUP BY span_id) e ON e.span_id = s.span_key WHERE status = 'error'`,
    ...aiViewQueries({ hex64, time }),
    cache_ops: cacheOpsQuery(BASE),
    caches: cachesQuery(),
    cpu_samples: `SELECT ${hex64('c.span_id')} AS span_id, CASE WHEN s.trace_id IS NOT NULL THEN ${hex128('s.trace_id')} END AS trace_id, s.name AS span_name, s.layer,
      f.function, f.file, f.line, c.self_us, ${time('c.time_ns')} AS time, c.process, c.thread, k.text AS stack, c.span_id AS span_key
      FROM store.samples c JOIN store.stacks k USING (stack) JOIN store.frames f USING (frame)
      LEFT JOIN (SELECT span_id, trace_id, name, layer FROM store.spans UNION ALL SELECT span_id, trace_id, name, layer FROM store.open_spans) s ON s.span_id = c.span_id`,
    cpu_lines: `SELECT f.function, f.file, CASE WHEN f.file IS NOT NULL THEN l.line END AS line, sum(l.samples)::BIGINT AS samples, sum(l.self_us)::BIGINT AS self_us, l.process, l.thread
      FROM store.cpu_lines l JOIN store.frames f USING (frame) GROUP BY ALL`,
    cpu_profiles: `SELECT profile, ${time('start_ns')} AS start_time, duration_ns / 1e6 AS duration_ms, interval_us, samples, cpu_us / 1e3 AS cpu_ms, idle_us / 1e3 AS idle_ms, lost_switches, process, thread FROM store.cpu_profiles`,
    heap_classes: `SELECT snapshot, ${time('time_ns')} AS time, class, count, self_bytes, retained_bytes, process,
      coalesce(try_cast(regexp_extract(snapshot, '^[0-9a-f]{16}\\.([0-9]+)-', 1) AS UINTEGER), 0::UINTEGER) AS thread FROM store.heap`,
    allocations: `SELECT function, file, line, bytes, stack, process, thread FROM store.allocations`,
    span_allocations: `SELECT name, layer, bytes, process, thread FROM store.span_allocations`,
    state_snapshots: `SELECT row_number() OVER (ORDER BY time_ns, process, thread, rowid) AS snapshot, name, ${time('time_ns')} AS time, reason, ${hex64('span_id')} AS span_id,
      strlen(value::VARCHAR) AS bytes, truncated, error, value, process, thread FROM store.states`,
    stalls: `SELECT ${time('start_ns')} AS start_time, duration_ns / 1e6 AS duration_ms, ${hex64('span_id')} AS span_id, call, function, file, line, stack, process, thread FROM store.stalls`,
    tasks: `SELECT state, kind, type, count, age_ms, function, file, line, ${hex64('span_id')} AS span_id, span_name, span_ended, stack, ${time('time_ns')} AS time, process, thread FROM store.tasks`,
    actions: `SELECT ${time('time_ns')} AS time, cause, action, outcome, detail, process FROM store.actions`,
    gc: `SELECT ${time('start_ns')} AS start_time, duration_ns / 1e6 AS duration_ms, kind, before_bytes, after_bytes, process, thread FROM store.gc`,
    metrics: `SELECT ${time('time_ns')} AS time, name, value, unit, attributes, process FROM store.metrics`,
    logs: `SELECT ${time('time_ns')} AS time, level, message, ${hex64('span_id')} AS span_id, CASE WHEN trace_id = 0 THEN NULL ELSE ${hex128('trace_id')} END AS trace_id, attributes, process, thread FROM store.logs`,
    variants: `SELECT variant, v.name, file, line, git_commit, source, coalesce(c.calls, 0) AS calls, c.duration_ms FROM store.variants v
      LEFT JOIN (SELECT variant, round(sum(weight))::BIGINT AS calls, sum(duration_ns * weight::DOUBLE) / 1e6 AS duration_ms FROM store.spans WHERE variant IS NOT NULL GROUP BY variant) c USING (variant)`,
    findings: `SELECT id, kind, severity, title, cost_ms, cost_usd, evidence, advice, next_command FROM store.findings`,
    processes: `SELECT process, instance, pid, ppid, parent_instance, service, command, cwd, node, host, git_commit, started_at, last_beat_at, ended_at, state, end_reason, exit_code, agent FROM store.processes`,
    events: `SELECT ${hex64('span_id')} AS span_id, ${time('time_ns')} AS time, name, attributes, process, span_id AS span_key FROM store.events`,
    links: `SELECT ${hex64('span_id')} AS span_id, ${hex128('trace_id')} AS linked_trace_id, ${hex64('linked_span_id')} AS linked_span_id, process FROM store.links`,
    payloads: `SELECT ${hex64('span_id')} AS span_id, role, size, hash, parts, truncated, captured, format, c.text, span_id AS span_key FROM store.payloads LEFT JOIN store.payload_contents c USING (hash)`,
    packages: `SELECT name, version, integration, status, reason, format, path, missing, process, thread FROM store.packages`,
    counters: `SELECT process, thread, name, value FROM store.counters
      UNION ALL SELECT process, -1, 'spans_unstored', (written - coalesce(stored, 0))::BIGINT FROM
        (SELECT process, sum(value) FILTER (name = 'spans_written') - coalesce(sum(value) FILTER (name IN ('spans_rotated', 'spans_lost')), 0) AS written
          FROM store.counters GROUP BY process)
        LEFT JOIN (SELECT process, count(*) AS stored FROM store.spans GROUP BY process) USING (process) JOIN store.processes USING (process)
        WHERE written > coalesce(stored, 0) AND state <> 'live'`,
    faults: `SELECT place, message, count, process, thread FROM store.faults`,
  }
}

/** The stored rows of traces, but of those with spans still open: these are computed from all their spans. */
function tracesWithOpen(): string {
  const spans = `SELECT trace_id, span_id, ${PARENT_KEY} AS parent_id, start_ns, duration_ns, name, layer, kind, status, weight, process`
  const rows = `${spans} FROM store.spans WHERE trace_id IN (SELECT trace_id FROM store.open_spans) UNION ALL ${spans} FROM store.open_spans`
  return `SELECT *, 0::BIGINT AS open FROM store.traces WHERE trace_id NOT IN (SELECT trace_id FROM store.open_spans)
    UNION ALL SELECT t.* REPLACE ('open' AS status), o.open FROM (${tracesOf({ rows })}) t(trace_id, root, name, layer, kind, status, weight, start_ns, duration_ns, spans, errors, processes, layers)
      JOIN (SELECT trace_id, count(*) AS open FROM store.open_spans GROUP BY trace_id) o USING (trace_id)`
}

/** What the views depend on besides the session's name. */
interface ViewFacts {
  /** Without open spans the `spans` view is one table, which is planned faster: 0.4 ms of 1.4 (measured). */
  hasOpenSpans: boolean
  /** Whether a span stands for more than itself: percentiles are then weighted. */
  isWeighted: boolean
}

/** Creates every documented view and the aggregates. */
export async function createViews(connection: DuckDBConnection, session: string, facts: ViewFacts): Promise<void> {
  for (const macro of aggregateMacros(facts.isWeighted)) await connection.run(macro)
  for (const [name, query] of Object.entries(viewQueries(session, facts.hasOpenSpans))) {
    await connection.run(`CREATE OR REPLACE VIEW main.${name} AS ${query}`)
    const doc = viewDocs[name]?.doc
    if (doc !== undefined) await connection.run(`COMMENT ON VIEW main.${name} IS '${doc.replaceAll("'", "''")}'`)
  }
  await connection.run(`INSERT OR REPLACE INTO store.meta VALUES ('view_facts', $1), ('views', $2)`, [
    JSON.stringify(facts),
    viewsHash(session),
  ])
}

/** Tells the views of this version from those another version of the package made. */
export function viewsHash(session: string): string {
  return createHash('sha256')
    .update(JSON.stringify([viewQueries(session, true), aggregateMacros(true), viewDocs]))
    .digest('hex')
    .slice(0, 16)
}

/** What the views of an open database depend on. */
export async function viewFacts(connection: DuckDBConnection): Promise<ViewFacts> {
  const result = await connection.runAndReadAll(`SELECT EXISTS (FROM store.open_spans), EXISTS (FROM store.spans WHERE weight <> 1)`)
  const [hasOpenSpans, isWeighted] = result.getRows()[0] ?? []
  return { hasOpenSpans: hasOpenSpans === true, isWeighted: isWeighted === true }
}

/** Makes the views anew where what they depend on has changed: the first open span, the last one, the first weight. */
export async function refreshViews(connection: DuckDBConnection, session: string): Promise<void> {
  const facts = await viewFacts(connection)
  const known = await connection.runAndReadAll(`SELECT value FROM store.meta WHERE key = 'view_facts'`)
  if (known.getRows()[0]?.[0] !== JSON.stringify(facts)) await createViews(connection, session, facts)
}
