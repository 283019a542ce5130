import { FactKind, PayloadFlag, SpanFlag } from '../../core/layout.ts'
import type { Staging } from './staging.ts'
import { coveredOf, tracesOf } from './summaries.ts'

const list = (values: readonly string[]): string => `[${values.map((value) => `'${value}'`).join(', ')}]`
const KINDS = list(['internal', 'server', 'client', 'producer', 'consumer'])
const STATUSES = list(['unset', 'ok', 'error'])
const trace = (prefix = ''): string => `(${prefix}trace_high::UHUGEINT << 64) | ${prefix}trace_low::UHUGEINT`
const attribute = (key: string): string => `CASE WHEN contains(attributes, '"${key}":') THEN attributes->>'${key}' END`

// Spans of a trace lie next to each other and traces in the order of their beginning: the trace id is then stored once per trace
// (run-length encoding) and span ids stay nearly sorted (zone maps find one in a millisecond). The parent id is kept as
// how far it lies back, by halves: 0.8 instead of 5.8 bytes (measured). Sorted before the shapes are joined, which keeps the order but for single rows: a third as wide.
const spans = (open: boolean, target: string, source: string, condition: string): string => `INSERT INTO ${target}
  SELECT span_id, CASE WHEN parent_id > 0 THEN (span_id >> 32)::BIGINT - (parent_id >> 32)::BIGINT END,
    CASE WHEN parent_id > 0 THEN (span_id & 4294967295)::BIGINT - (parent_id & 4294967295)::BIGINT END,
    ${trace()}, start_ns, duration_ns, name, layer, integration, coalesce(${KINDS}[kind + 1], 'internal'),
    ${open ? `'open'` : `coalesce(${STATUSES}[status + 1], 'unset')`}, ${attribute('error.type')}, process, thread, variant, ${attribute('gen_ai.conversation.id')},
    weight, CASE WHEN flags & ${SpanFlag.captureFull} > 0 THEN 'full' WHEN flags & ${SpanFlag.capturePreview} > 0 THEN 'preview' ELSE 'off' END, flags, attributes
  FROM (SELECT s.* EXCLUDE (attributes), h.* EXCLUDE (shape), CASE WHEN head IS NULL THEN attributes ELSE concat(head, attributes) END AS attributes
    FROM (SELECT s.* FROM ${source} s JOIN (SELECT trace_high, trace_low, min(start_ns) AS first_ns FROM stage_spans GROUP BY ALL) USING (trace_high, trace_low)
      WHERE ${condition} ORDER BY first_ns, trace_high, trace_low, start_ns) s JOIN stage_shapes h USING (shape) WHERE ${open ? '' : 'NOT '}open)`

const ENDED_SPANS = spans(false, 'store.spans', 'stage_spans', 'true')
const ENDED_SPANS_NOT_YET_STORED = spans(
  false,
  'store.spans',
  'stage_spans',
  `NOT EXISTS (SELECT 1 FROM store.spans x WHERE x.span_id = s.span_id AND x.trace_id = ${trace('s.')})`,
)

const FORGET_OPEN_SPANS = `DELETE FROM store.open_spans WHERE span_id IN (SELECT span_id FROM stage_spans)`
const OPEN_SPANS = spans(
  true,
  'store.open_spans',
  '(SELECT DISTINCT ON (span_id) s.* FROM stage_spans s JOIN stage_shapes USING (shape) WHERE open)',
  'NOT EXISTS (SELECT 1 FROM store.spans x WHERE x.span_id = s.span_id)',
)

// A trace of which a part is stored already, or may be, is computed when the sync ends: once, however many batches it spans.
const latest = (
  mayRepeat: boolean,
): string => `INSERT INTO store.late_traces SELECT trace_id FROM (SELECT DISTINCT ${trace()} AS trace_id FROM stage_spans WHERE duration_ns IS NOT NULL)
  WHERE trace_id NOT IN (FROM store.late_traces) ${mayRepeat ? '' : 'AND trace_id IN (SELECT trace_id FROM store.traces)'}`
const STAGED = {
  rows: `SELECT ${trace()} AS trace_id, span_id, parent_id, start_ns, duration_ns, name, layer, coalesce(${KINDS}[kind + 1], 'internal') AS kind,
      coalesce(${STATUSES}[status + 1], 'unset') AS status, weight, process FROM stage_spans JOIN stage_shapes USING (shape)
    WHERE NOT open AND ${trace()} NOT IN (FROM store.late_traces)`,
}
const summaries = (mayRepeat: boolean): string[] => [
  latest(mayRepeat),
  `INSERT INTO store.traces ${tracesOf(STAGED)}`,
  `INSERT INTO store.covered ${coveredOf(STAGED)}`,
]

const EVENTS = `INSERT INTO store.events SELECT span_id, time_ns, name, attributes, process FROM stage_events s`
const LINKS = `INSERT INTO store.links SELECT span_id, ${trace()}, linked_span_id, process FROM stage_links s`
const PAYLOADS = `INSERT INTO store.payloads SELECT span_id, role, size, hash, parts, flags & ${PayloadFlag.cut} > 0, flags & ${PayloadFlag.kept} > 0,
  CASE WHEN flags & ${PayloadFlag.json} > 0 THEN 'json' WHEN flags & ${PayloadFlag.text} > 0 THEN 'text' END FROM stage_payloads s`
const CONTENTS = `INSERT OR IGNORE INTO store.payload_contents SELECT DISTINCT ON (hash) hash, text FROM stage_contents`

const METRICS = `INSERT INTO store.metrics SELECT process, time_ns, name, value, unit, attributes FROM stage_metrics s`
// The whole list comes again and again: the latest of each process counts. A row without a state says that there is nothing.
const TASKS = [
  `DELETE FROM store.tasks WHERE process IN (SELECT process FROM stage_tasks)`,
  `INSERT INTO store.tasks SELECT * FROM stage_tasks s WHERE state IS NOT NULL AND time_ns = (SELECT max(time_ns) FROM stage_tasks n WHERE n.process = s.process)`,
]
const LOGS = `INSERT INTO store.logs SELECT process, thread, time_ns, level, message, span_id, ${trace()}, attributes FROM stage_logs s`
const ACTIONS = `INSERT INTO store.actions SELECT process, time_ns, cause, action, outcome, detail FROM stage_actions`
const COLLECTIONS = `INSERT INTO store.gc SELECT process, thread, start_ns, duration_ns, kind, NULL, after_bytes FROM stage_gc s`

// A stall that was seen while it lasted comes twice; with its end it is complete.
const STALLS = [
  `DELETE FROM store.stalls s WHERE EXISTS (SELECT 1 FROM stage_stalls n WHERE n.process = s.process AND n.thread = s.thread AND n.key_ns = s.key_ns)`,
  `INSERT INTO store.stalls SELECT process, thread, key_ns, arg_max(start_ns, duration_ns), max(duration_ns), max(span_id), max(call), max(function), max(file), max(line), max(stack)
    FROM stage_stalls GROUP BY process, thread, key_ns`,
]

const STATES = `INSERT INTO store.states SELECT process, thread, coalesce((TRY_CAST(data->>'at' AS DOUBLE) * 1e6)::BIGINT, time_ns), data->>'name', data->>'reason',
    TRY_CAST('0x' || (data->>'spanId') AS UBIGINT), coalesce((data->>'cut') = 'true', false), data->>'error', data->'value' FROM stage_facts WHERE kind = ${FactKind.state}`

const FACTS = [
  STATES,
  `INSERT OR IGNORE INTO store.variants SELECT DISTINCT ON (data->>'hash') data->>'hash', data->>'name', data->>'file', TRY_CAST(data->>'line' AS INTEGER),
    coalesce(data->>'gitCommit', (SELECT git_commit FROM store.processes p WHERE p.process = f.process)), data->>'source', data
    FROM stage_facts f WHERE kind = ${FactKind.variant} AND (data->>'hash') IS NOT NULL`,
  `INSERT INTO store.packages SELECT process, thread, data->>'name', data->>'version', data->>'integration', data->>'status', data->>'reason', data->>'format',
    coalesce(data->>'path', data->>'file'), data->'missing', data FROM stage_facts WHERE kind = ${FactKind.package}`,
  `INSERT INTO store.faults SELECT process, thread, coalesce(data->>'where', data->>'place'), data->>'message', coalesce(TRY_CAST(data->>'count' AS BIGINT), 1), data
    FROM stage_facts WHERE kind = ${FactKind.fault}`,
]

// A thread's own counters are cumulative; what sync itself could not read adds up.
const COUNTERS = `INSERT INTO store.counters SELECT process, thread, name, max(value) FROM stage_counters GROUP BY ALL
  ON CONFLICT DO UPDATE SET value = CASE WHEN name IN ('unknown_records', 'unknown_attributes', 'damaged_records', 'damaged_blocks', 'missing_blocks')
    THEN value + excluded.value ELSE greatest(value, excluded.value) END`

const SEQUENCES = `INSERT INTO store.sync_state SELECT source, thread, max(last_seq) FROM stage_sequences GROUP BY ALL
  ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq`

/** What tells rows of a table apart, for those that may be stored already. */
const KEYS: Record<string, readonly string[]> = {
  events: ['span_id', 'time_ns', 'name'],
  links: ['span_id', 'linked_span_id'],
  payloads: ['span_id', 'role', 'hash'],
  metrics: ['process', 'time_ns', 'name', 'attributes'],
  logs: ['process', 'thread', 'time_ns', 'message', 'span_id'],
  gc: ['process', 'thread', 'start_ns', 'kind'],
}

function notYetStored(insert: string, table: string): string {
  const same = (KEYS[table] ?? []).map((column) => `x.${column} IS NOT DISTINCT FROM s.${column}`).join(' AND ')
  return `${insert} WHERE NOT EXISTS (SELECT 1 FROM store.${table} x WHERE ${same})`
}

/**
 * Moves everything staged to its tables in one transaction, together with how far each thread was read: all or nothing.
 * @param mayRepeat the batch may hold what is stored already (a spill file beside an environment)
 */
export async function moveStaged(staging: Staging, mayRepeat: boolean): Promise<void> {
  const { connection } = staging
  const insertOf = (table: Parameters<Staging['rows']>[0], insert: string): string[] =>
    staging.rows(table) === 0 ? [] : [mayRepeat ? notYetStored(insert, table) : insert]
  const statements = [
    ...(staging.rows('spans') > 0
      ? [mayRepeat ? ENDED_SPANS_NOT_YET_STORED : ENDED_SPANS, FORGET_OPEN_SPANS, OPEN_SPANS, ...summaries(mayRepeat)]
      : []),
    ...insertOf('events', EVENTS),
    ...insertOf('links', LINKS),
    ...insertOf('payloads', PAYLOADS),
    ...(staging.rows('contents') > 0 ? [CONTENTS] : []),
    ...(staging.rows('facts') > 0 ? FACTS : []),
    ...insertOf('metrics', METRICS),
    ...insertOf('gc', COLLECTIONS),
    ...(staging.rows('stalls') > 0 ? STALLS : []),
    ...insertOf('logs', LOGS),
    ...(staging.rows('actions') > 0 ? [ACTIONS] : []),
    ...(staging.rows('tasks') > 0 ? TASKS : []),
    COUNTERS,
    SEQUENCES,
  ]
  // One call: between two, DuckDB would wait until the thread that fills the next batch has time for it.
  const text = ['BEGIN', ...statements, 'COMMIT', ...staging.emptying()].join(';\n')
  try {
    await connection.run(text)
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {})
    throw error
  }
  staging.reset()
}
