import { createHash } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { cacheOpsQuery, cachesQuery } from './cache-views.ts'
import { viewDocs } from './view-docs.ts'

/** SQL text of a 64-bit id, empty ids as null. */
const hex64 = (column: string): string => `CASE WHEN ${column} = 0 THEN NULL ELSE printf('%016x', ${column}) END`
const hex128 = (column: string): string =>
  `printf('%016x%016x', (${column} >> 64)::UBIGINT, (${column} & 18446744073709551615::UHUGEINT)::UBIGINT)`
const time = (column: string): string => `make_timestamp(${column} // 1000)`
// In parentheses: DuckDB's `->>` binds weaker than `=`.
const text = (key: string): string => `(attributes->>'${key}')`
const number = (key: string, type = 'BIGINT'): string => `TRY_CAST((attributes->>'${key}') AS ${type})`

// The parent's id from how far it lies back; null for a root.
const PARENT_HIGH = `((span_id >> 32)::BIGINT - parent_back_high)`
const PARENT_LOW = `((span_id & 4294967295)::BIGINT - parent_back_low)`
/** The parent's id of a row of `store.spans`. */
export const PARENT_KEY = `(${PARENT_HIGH}::UBIGINT << 32) | ${PARENT_LOW}::UBIGINT`

/** The columns every view over spans of one layer starts with. */
const BASE = 'span_id, trace_id, session, name, start_time, duration_ms, status, error_type'

/** Select statements of the views users query, in the order in which they must be created. */
function viewQueries(session: string, hasOpenSpans: boolean): Record<string, string> {
  const sessionLiteral = `'${session.replaceAll("'", "''")}'`
  const spanColumns = `printf('%016x', span_id) AS span_id, printf('%08x%08x', ${PARENT_HIGH}, ${PARENT_LOW}) AS parent_id, ${hex128('trace_id')} AS trace_id,
    ${sessionLiteral} AS session, name, layer, integration, kind, ${time('start_ns')} AS start_time, duration_ns / 1e6 AS duration_ms, status, error_type,
    process, thread, variant, conversation, weight, capture, attributes, ${number('perf.cpu.self_ms', 'DOUBLE')} AS self_cpu_ms, start_ns, span_id AS span_key, ${PARENT_KEY} AS parent_key, trace_id AS trace_key`
  return {
    spans: `SELECT ${spanColumns} FROM store.spans${hasOpenSpans ? ` UNION ALL SELECT ${spanColumns} FROM store.open_spans` : ''}`,
    self_times: `SELECT printf('%016x', span_id) AS span_id, (duration_ns - least(duration_ns, coalesce(covered_ns, 0))) / 1e6 AS self_ms, span_id AS span_key FROM store.spans
      LEFT JOIN (SELECT parent_id, sum(greatest(0, to_ns - greatest(from_ns, coalesce(before_ns, from_ns))))::BIGINT AS covered_ns
        FROM (SELECT parent_id, from_ns, to_ns, max(to_ns) OVER (PARTITION BY parent_id ORDER BY from_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
          FROM (SELECT c.parent_id, greatest(c.start_ns, p.start_ns) AS from_ns, least(c.start_ns + c.duration_ns, p.start_ns + p.duration_ns) AS to_ns
            FROM (SELECT ${PARENT_KEY} AS parent_id, trace_id, start_ns, duration_ns FROM store.spans) c
              JOIN store.spans p ON p.span_id = c.parent_id AND p.trace_id = c.trace_id) WHERE to_ns > from_ns)
        GROUP BY parent_id) k ON k.parent_id = span_id`,
    traces: `SELECT ${hex128('trace_key')} AS trace_id, ${sessionLiteral} AS session, printf('%016x', root) AS root_span_id, name, layer, kind, ${time('first_ns')} AS start_time,
      (last_ns - first_ns) / 1e6 AS duration_ms, CASE WHEN open > 0 THEN 'open' ELSE status END AS status, spans, errors, open, processes, layers, weight, trace_key
      FROM (SELECT trace_id AS trace_key, arg_min(span_id, start_ns) AS root, arg_min(name, start_ns) AS name, arg_min(layer, start_ns) AS layer,
        arg_min(kind, start_ns) AS kind, arg_min(status, start_ns) AS status, arg_min(weight, start_ns) AS weight, min(start_ns) AS first_ns,
        max(start_ns + coalesce(duration_ns, 0)) AS last_ns, count(*) AS spans, count(*) FILTER (status = 'error') AS errors,
        count(*) FILTER (status = 'open') AS open, count(DISTINCT process) AS processes, list(DISTINCT layer) AS layers
        FROM (FROM store.spans UNION ALL FROM store.open_spans) GROUP BY trace_id)`,
    ai_calls: `SELECT ${BASE}, ${text('gen_ai.provider.name')} AS provider, ${text('gen_ai.operation.name')} AS operation,
      coalesce(${text('gen_ai.request.model')}, ${text('gen_ai.response.model')}) AS model, ${text('gen_ai.response.model')} AS response_model,
      ${number('gen_ai.usage.input_tokens')} AS input_tokens, ${number('gen_ai.usage.output_tokens')} AS output_tokens,
      ${number('gen_ai.usage.cache_read.input_tokens')} AS cache_read_tokens, ${number('gen_ai.usage.cache_creation.input_tokens')} AS cache_write_tokens,
      ${number('gen_ai.usage.reasoning.output_tokens')} AS reasoning_tokens, ${number('perf.ai.cost_usd', 'DOUBLE')} AS cost_usd,
      ${number('gen_ai.response.time_to_first_chunk', 'DOUBLE')} * 1000 AS first_token_ms, coalesce(${text('gen_ai.request.stream')} = 'true', false) AS streamed,
      ${text('perf.stream.end')} AS stream_end, ${number('perf.stream.chunks')} AS chunks, attributes->'gen_ai.response.finish_reasons' AS finish_reasons,
      conversation, process, weight, attributes FROM spans WHERE layer = 'ai' AND span_key NOT IN (FROM store.ai_uncounted)`,
    tool_calls: `SELECT ${BASE.replace('name,', 's.name,').replace('span_id', 's.span_id')}, coalesce(${text('gen_ai.tool.name')}, s.name) AS tool, ${text('gen_ai.tool.type')} AS type,
      ${text('gen_ai.tool.call.id')} AS call_id, variant, a.size AS arguments_bytes, a.hash AS arguments_hash, r.size AS result_bytes, r.hash AS result_hash,
      conversation, process, weight, attributes FROM spans s
      LEFT JOIN store.payloads a ON a.span_id = s.span_key AND a.role = 'tool.arguments'
      LEFT JOIN store.payloads r ON r.span_id = s.span_key AND r.role = 'tool.result' WHERE layer = 'tool'`,
    queries: `SELECT ${BASE}, ${text('db.system.name')} AS system, ${text('db.operation.name')} AS operation, ${text('db.collection.name')} AS collection,
      ${text('db.namespace')} AS namespace, ${text('db.query.text')} AS statement, ${text('db.query.summary')} AS summary,
      ${number('db.response.returned_rows')} AS rows, ${number('perf.pool.wait_ms', 'DOUBLE')} AS pool_wait_ms, ${number('db.operation.batch.size')} AS batch_size,
      ${text('server.address')} AS server, integration, process, weight, attributes FROM spans WHERE layer = 'db'`,
    requests: `SELECT ${BASE}, CASE kind WHEN 'server' THEN 'in' ELSE 'out' END AS direction, ${text('http.request.method')} AS method, ${text('http.route')} AS route,
      coalesce(${text('url.full')}, ${text('url.path')}) AS url, ${number('http.response.status_code', 'INTEGER')} AS status_code,
      ${text('server.address')} AS server, ${number('http.request.body.size')} AS request_bytes, ${number('http.response.body.size')} AS response_bytes,
      integration, process, weight, attributes FROM spans WHERE (layer = 'http' OR (layer = 'ai' AND ${text('perf.ai.recognised_by')} = 'host')) AND kind IN ('server', 'client')`,
    errors: `SELECT ${BASE.replace('name,', 's.name, s.layer, s.integration,').replace('span_id', 's.span_id')}, e.message, e.stack, process, weight FROM spans s
      LEFT JOIN (SELECT span_id, min(attributes->>'exception.message') AS message, min(attributes->>'exception.stacktrace') AS stack
        FROM store.events WHERE name = 'exception' GROUP BY span_id) e ON e.span_id = s.span_key WHERE status = 'error'`,
    cache_ops: cacheOpsQuery({ base: BASE, text, number }),
    caches: cachesQuery(),
    cpu_samples: `SELECT ${hex64('c.span_id')} AS span_id, CASE WHEN s.trace_id IS NOT NULL THEN ${hex128('s.trace_id')} END AS trace_id, s.name AS span_name, s.layer,
      f.function, f.file, f.line, c.self_us, ${time('c.time_ns')} AS time, c.process, c.thread, k.text AS stack, c.span_id AS span_key
      FROM store.samples c JOIN store.stacks k USING (stack) JOIN store.frames f USING (frame)
      LEFT JOIN (SELECT span_id, trace_id, name, layer FROM store.spans UNION ALL SELECT span_id, trace_id, name, layer FROM store.open_spans) s ON s.span_id = c.span_id`,
    cpu_lines: `SELECT f.function, f.file, l.line, sum(l.samples)::BIGINT AS samples, sum(l.self_us)::BIGINT AS self_us, l.process, l.thread
      FROM store.cpu_lines l JOIN store.frames f USING (frame) GROUP BY ALL`,
    cpu_profiles: `SELECT profile, ${time('start_ns')} AS start_time, duration_ns / 1e6 AS duration_ms, interval_us, samples, cpu_us / 1e3 AS cpu_ms, idle_us / 1e3 AS idle_ms, lost_switches, process, thread FROM store.cpu_profiles`,
    heap_classes: `SELECT snapshot, ${time('time_ns')} AS time, class, count, self_bytes, retained_bytes, process FROM store.heap`,
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
    events: `SELECT ${hex64('span_id')} AS span_id, ${time('time_ns')} AS time, name, attributes, process FROM store.events`,
    links: `SELECT ${hex64('span_id')} AS span_id, ${hex128('trace_id')} AS linked_trace_id, ${hex64('linked_span_id')} AS linked_span_id, process FROM store.links`,
    payloads: `SELECT ${hex64('span_id')} AS span_id, role, size, hash, parts, truncated, captured, format, c.text FROM store.payloads LEFT JOIN store.payload_contents c USING (hash)`,
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

/** Creates every documented view. Without open spans the `spans` view is one table, which is planned faster: 0.4 ms of 1.4 (measured). */
export async function createViews(connection: DuckDBConnection, session: string, hasOpenSpans: boolean): Promise<void> {
  for (const [name, query] of Object.entries(viewQueries(session, hasOpenSpans))) {
    await connection.run(`CREATE OR REPLACE VIEW main.${name} AS ${query}`)
    const doc = viewDocs[name]?.doc
    if (doc !== undefined) await connection.run(`COMMENT ON VIEW main.${name} IS '${doc.replaceAll("'", "''")}'`)
  }
  await connection.run(
    `INSERT OR REPLACE INTO store.meta VALUES ('open_spans_in_view', '${hasOpenSpans}'), ('views', '${viewsHash(session)}')`,
  )
}

/** Tells the views of this version from those another version of the package made. */
export function viewsHash(session: string): string {
  return createHash('sha256')
    .update(JSON.stringify([viewQueries(session, true), viewDocs]))
    .digest('hex')
    .slice(0, 16)
}

/** Puts the open spans into the `spans` view, or takes them out, as there are some or none. */
export async function refreshSpansView(connection: DuckDBConnection, session: string): Promise<void> {
  const result = await connection.runAndReadAll(
    `SELECT EXISTS (FROM store.open_spans), coalesce((SELECT value = 'true' FROM store.meta WHERE key = 'open_spans_in_view'), false)`,
  )
  const [hasOpenSpans, isInView] = result.getRows()[0] ?? []
  if (hasOpenSpans !== isInView) await createViews(connection, session, hasOpenSpans === true)
}
