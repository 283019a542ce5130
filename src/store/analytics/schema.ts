import { createHash } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { SessionTooNewError } from '../../errors.ts'
import { migrateTables } from './migrate.ts'
import { createViews, viewsHash } from './views.ts'

/** Version of the tables and views of session.duckdb. */
export const SCHEMA_VERSION = 2

/** Columns of `store.spans` in order; `store.open_spans` has the same, with a null duration. */
const SPAN_COLUMNS = `
  span_id UBIGINT NOT NULL, parent_back_high BIGINT, parent_back_low BIGINT, trace_id UHUGEINT NOT NULL, start_ns BIGINT NOT NULL, duration_ns BIGINT,
  name VARCHAR NOT NULL, layer VARCHAR NOT NULL, integration VARCHAR, kind VARCHAR NOT NULL, status VARCHAR NOT NULL, error_type VARCHAR,
  process UINTEGER NOT NULL, thread UINTEGER NOT NULL, variant VARCHAR, conversation VARCHAR, weight FLOAT NOT NULL, capture VARCHAR NOT NULL,
  flags UTINYINT NOT NULL, attributes JSON USING COMPRESSION zstd`

// Every table a view reads exists from the start: a view over data that arrives with a later version is empty, not missing.
const TABLES = `
CREATE SCHEMA IF NOT EXISTS store;
CREATE TABLE store.meta (key VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE store.processes (process UINTEGER PRIMARY KEY, instance VARCHAR UNIQUE, pid BIGINT, ppid BIGINT, parent_instance VARCHAR, service VARCHAR,
  command JSON, cwd VARCHAR, node VARCHAR, platform VARCHAR, arch VARCHAR, host VARCHAR, agent VARCHAR, git_commit VARCHAR, started_at TIMESTAMP,
  last_beat_at TIMESTAMP, ended_at TIMESTAMP, end_reason VARCHAR, exit_code INTEGER, state VARCHAR, meta JSON);
CREATE TABLE store.spans (${SPAN_COLUMNS});
CREATE TABLE store.open_spans (${SPAN_COLUMNS});
CREATE TABLE store.links (span_id UBIGINT, trace_id UHUGEINT, linked_span_id UBIGINT, process UINTEGER);
CREATE TABLE store.events (span_id UBIGINT, time_ns BIGINT, name VARCHAR, attributes JSON, process UINTEGER);
CREATE TABLE store.payloads (span_id UBIGINT, role VARCHAR, size BIGINT, hash VARCHAR, parts JSON, truncated BOOLEAN, captured BOOLEAN, format VARCHAR);
CREATE TABLE store.payload_contents (hash VARCHAR PRIMARY KEY, text VARCHAR USING COMPRESSION zstd);
CREATE TABLE store.variants (variant VARCHAR PRIMARY KEY, name VARCHAR, file VARCHAR, line INTEGER, git_commit VARCHAR, source VARCHAR, data JSON);
CREATE TABLE store.packages (process UINTEGER, thread UINTEGER, name VARCHAR, version VARCHAR, integration VARCHAR, status VARCHAR, reason VARCHAR,
  format VARCHAR, path VARCHAR, missing JSON, data JSON);
CREATE TABLE store.cpu_profiles (profile VARCHAR PRIMARY KEY, process UINTEGER, thread UINTEGER, start_ns BIGINT, duration_ns BIGINT, interval_us INTEGER,
  samples BIGINT, cpu_us BIGINT, idle_us BIGINT, lost_switches BIGINT, last_sample_us DOUBLE);
CREATE TABLE store.frames (frame UINTEGER, function VARCHAR, file VARCHAR, line INTEGER, column_number INTEGER);
CREATE TABLE store.stacks (stack UINTEGER, frame UINTEGER, frames UINTEGER[], text VARCHAR USING COMPRESSION zstd);
CREATE TABLE store.samples (span_id UBIGINT, process UINTEGER, thread UINTEGER, time_ns BIGINT, self_us BIGINT, stack UINTEGER);
CREATE TABLE store.cpu_lines (process UINTEGER, thread UINTEGER, frame UINTEGER, line INTEGER, samples BIGINT, self_us BIGINT);
CREATE TABLE store.heap (snapshot VARCHAR, process UINTEGER, time_ns BIGINT, class VARCHAR, count BIGINT, self_bytes BIGINT, retained_bytes BIGINT);
CREATE TABLE store.allocations (profile VARCHAR, process UINTEGER, thread UINTEGER, function VARCHAR, file VARCHAR, line INTEGER, bytes BIGINT, stack VARCHAR);
CREATE TABLE store.span_allocations (profile VARCHAR, process UINTEGER, thread UINTEGER, name VARCHAR, layer VARCHAR, bytes BIGINT);
CREATE TABLE store.states (process UINTEGER, thread UINTEGER, time_ns BIGINT, name VARCHAR, reason VARCHAR, span_id UBIGINT, truncated BOOLEAN, error VARCHAR,
  value JSON USING COMPRESSION zstd);
CREATE TABLE store.metrics (process UINTEGER, time_ns BIGINT, name VARCHAR, value DOUBLE, unit VARCHAR, attributes JSON);
CREATE TABLE store.logs (process UINTEGER, thread UINTEGER, time_ns BIGINT, level VARCHAR, message VARCHAR, span_id UBIGINT, trace_id UHUGEINT, attributes JSON);
CREATE TABLE store.stalls (process UINTEGER, thread UINTEGER, key_ns BIGINT, start_ns BIGINT, duration_ns BIGINT, span_id UBIGINT, call VARCHAR, function VARCHAR, file VARCHAR, line INTEGER, stack VARCHAR);
CREATE TABLE store.tasks (process UINTEGER, thread UINTEGER, time_ns BIGINT, state VARCHAR, kind VARCHAR, type VARCHAR, count BIGINT, age_ms DOUBLE, function VARCHAR,
  file VARCHAR, line INTEGER, stack VARCHAR, span_id UBIGINT, span_name VARCHAR, span_ended BOOLEAN);
CREATE TABLE store.actions (process UINTEGER, time_ns BIGINT, cause VARCHAR, action VARCHAR, outcome VARCHAR, detail VARCHAR);
CREATE TABLE store.gc (process UINTEGER, thread UINTEGER, start_ns BIGINT, duration_ns BIGINT, kind VARCHAR, before_bytes BIGINT, after_bytes BIGINT);
CREATE TABLE store.findings (id VARCHAR PRIMARY KEY, kind VARCHAR, severity VARCHAR, title VARCHAR, cost_ms DOUBLE, cost_usd DOUBLE, evidence JSON, advice VARCHAR, next_command VARCHAR,
  data JSON, position INTEGER);
CREATE TABLE store.findings_of (state VARCHAR, caches JSON);
CREATE TABLE store.faults (process UINTEGER, thread UINTEGER, place VARCHAR, message VARCHAR, count BIGINT, data JSON);
CREATE TABLE store.counters (process UINTEGER, thread INTEGER, name VARCHAR, value BIGINT, PRIMARY KEY (process, thread, name));
CREATE TABLE store.sync_state (source VARCHAR, thread INTEGER, last_seq BIGINT, PRIMARY KEY (source, thread));
CREATE TABLE store.ai_uncounted (span_id UBIGINT);
CREATE TABLE store.ai_context (span_id UBIGINT, conversation VARCHAR, source VARCHAR, agent VARCHAR);
CREATE TABLE store.scores (span_id UBIGINT, scorer VARCHAR, score DOUBLE, weight DOUBLE, outcome VARCHAR, reason VARCHAR);
CREATE TABLE store.traces (trace_id UHUGEINT, root UBIGINT, name VARCHAR, layer VARCHAR, kind VARCHAR, status VARCHAR, weight FLOAT, start_ns BIGINT, duration_ns BIGINT,
  spans UINTEGER, errors UINTEGER, processes UINTEGER, layers VARCHAR[]);
CREATE TABLE store.covered (span_id UBIGINT, covered_ns BIGINT);
CREATE TABLE store.late_traces (trace_id UHUGEINT);
CREATE TABLE store.sources (source VARCHAR PRIMARY KEY, size BIGINT, changed_ms DOUBLE, final BOOLEAN, problem VARCHAR);
`

/** Tells the tables of this package from those of another that has the same version: one under development. */
const TABLES_HASH = createHash('sha256').update(TABLES).digest('hex').slice(0, 16)

/** Creates or migrates the tables and (re)creates the views. Throws `SessionTooNewError` for a database of a later version. */
export async function prepareSchema(connection: DuckDBConnection, session: string): Promise<void> {
  const state = await schemaState(connection, session)
  if (state.isCurrent) return
  await connection.run('BEGIN')
  if (state.version === undefined) {
    await createTables(connection)
    await connection.run(`INSERT INTO store.meta VALUES ('session', $1)`, [session])
  } else if (!state.hasTables) await migrateTables(connection, TABLES)
  await connection.run(`INSERT OR REPLACE INTO store.meta VALUES ('schema_version', '${SCHEMA_VERSION}'), ('tables', '${TABLES_HASH}')`)
  await createViews(connection, session, { hasOpenSpans: true, isWeighted: true })
  await connection.run('COMMIT')
}

/** Creates the tables of this version, empty. */
export async function createTables(connection: DuckDBConnection): Promise<void> {
  await connection.run(TABLES)
}

/** What an open database holds. Throws `SessionTooNewError` for one of a later version. */
export async function schemaState(
  connection: DuckDBConnection,
  session: string,
): Promise<{ version: number | undefined; hasTables: boolean; isCurrent: boolean }> {
  const tables = await connection.runAndReadAll(
    `SELECT 1 FROM information_schema.tables WHERE table_schema = 'store' AND table_name = 'meta'`,
  )
  if (tables.currentRowCount === 0) return { version: undefined, hasTables: false, isCurrent: false }
  const rows = await connection.runAndReadAll(`SELECT key, value FROM store.meta`)
  const meta = new Map(rows.getRows().map(([key, value]) => [String(key), String(value)]))
  const version = Number(meta.get('schema_version') ?? 0)
  if (version > SCHEMA_VERSION) {
    throw new SessionTooNewError(
      `Session ${session} was synced by a newer version (schema ${version}, this one knows ${SCHEMA_VERSION}); update @perf/agent to read it.`,
    )
  }
  const hasTables = version === SCHEMA_VERSION && meta.get('tables') === TABLES_HASH
  return { version, hasTables, isCurrent: hasTables && meta.get('views') === viewsHash(session) }
}
