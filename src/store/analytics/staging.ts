import {
  BIGINT, BOOLEAN, DOUBLE, DuckDBDataChunk, FLOAT, INTEGER, UBIGINT, UINTEGER, VARCHAR, type DuckDBAppender, type DuckDBConnection, type DuckDBType, type DuckDBValue,
} from '@duckdb/node-api' // prettier-ignore
import { literalPattern, quoted } from '../archive/open-archive.ts'

const CHUNK_ROWS = 2048

/** Tables that sync fills from blocks before one SQL statement each moves them on. */
export const STAGES = {
  spans: [
    ['span_id', UBIGINT], ['parent_id', UBIGINT], ['trace_high', UBIGINT], ['trace_low', UBIGINT], ['start_ns', BIGINT], ['duration_ns', BIGINT],
    ['shape', UINTEGER], ['attributes', VARCHAR],
  ],
  // What spans of one kind share, once: name and layer as text, flags, where it ran. Eight columns a span instead of eighteen.
  shapes: [
    ['shape', UINTEGER], ['name', VARCHAR], ['layer', VARCHAR], ['integration', VARCHAR], ['variant', VARCHAR], ['kind', UINTEGER], ['status', UINTEGER],
    ['flags', UINTEGER], ['process', UINTEGER], ['thread', UINTEGER], ['weight', FLOAT], ['open', BOOLEAN], ['head', VARCHAR],
  ],
  events: [['span_id', UBIGINT], ['time_ns', BIGINT], ['name', VARCHAR], ['attributes', VARCHAR], ['process', UINTEGER]],
  links: [['span_id', UBIGINT], ['trace_high', UBIGINT], ['trace_low', UBIGINT], ['linked_span_id', UBIGINT], ['process', UINTEGER]],
  payloads: [['span_id', UBIGINT], ['role', VARCHAR], ['size', BIGINT], ['hash', VARCHAR], ['parts', VARCHAR], ['flags', UINTEGER]],
  facts: [['kind', UINTEGER], ['process', UINTEGER], ['thread', UINTEGER], ['time_ns', BIGINT], ['data', VARCHAR]],
  metrics: [['process', UINTEGER], ['time_ns', BIGINT], ['name', VARCHAR], ['value', DOUBLE], ['unit', VARCHAR], ['attributes', VARCHAR]],
  gc: [['process', UINTEGER], ['thread', UINTEGER], ['start_ns', BIGINT], ['duration_ns', BIGINT], ['kind', VARCHAR], ['after_bytes', BIGINT]],
  stalls: [
    ['process', UINTEGER], ['thread', UINTEGER], ['key_ns', BIGINT], ['start_ns', BIGINT], ['duration_ns', BIGINT], ['span_id', UBIGINT], ['call', VARCHAR], ['function', VARCHAR],
    ['file', VARCHAR], ['line', INTEGER], ['stack', VARCHAR],
  ],
  tasks: [
    ['process', UINTEGER], ['thread', UINTEGER], ['time_ns', BIGINT], ['state', VARCHAR], ['kind', VARCHAR], ['type', VARCHAR], ['count', BIGINT], ['age_ms', DOUBLE],
    ['function', VARCHAR], ['file', VARCHAR], ['line', INTEGER], ['stack', VARCHAR], ['span_id', UBIGINT], ['span_name', VARCHAR], ['span_ended', BOOLEAN],
  ],
  logs: [
    ['process', UINTEGER], ['thread', UINTEGER], ['time_ns', BIGINT], ['level', VARCHAR], ['message', VARCHAR], ['span_id', UBIGINT], ['trace_high', UBIGINT],
    ['trace_low', UBIGINT], ['attributes', VARCHAR],
  ],
  actions: [['process', UINTEGER], ['time_ns', BIGINT], ['cause', VARCHAR], ['action', VARCHAR], ['outcome', VARCHAR], ['detail', VARCHAR]],
  counters: [['process', UINTEGER], ['thread', INTEGER], ['name', VARCHAR], ['value', BIGINT]],
  contents: [['hash', VARCHAR], ['text', VARCHAR]],
  sequences: [['source', VARCHAR], ['thread', INTEGER], ['last_seq', BIGINT]],
} as const satisfies Record<string, readonly (readonly [string, DuckDBType])[]> // prettier-ignore

export type StageName = keyof typeof STAGES

/** The staging tables of one connection, as temporary tables `stage_<name>`. */
export class Staging {
  readonly connection: DuckDBConnection
  readonly #tables = new Map<StageName, StagedTable>()

  private constructor(connection: DuckDBConnection) {
    this.connection = connection
  }

  static async create(connection: DuckDBConnection, names: readonly StageName[] = Object.keys(STAGES) as StageName[]): Promise<Staging> {
    const staging = new Staging(connection)
    const ddl = (name: StageName): string => STAGES[name].map(([column, type]) => `${column} ${String(type)}`).join(', ')
    await connection.run(names.map((name) => `CREATE TEMP TABLE stage_${name} (${ddl(name)})`).join(';'))
    for (const name of names) {
      const types = STAGES[name].map(([, type]) => type)
      staging.#tables.set(name, new StagedTable(types, await connection.createAppender(`stage_${name}`, 'main', 'temp')))
    }
    return staging
  }

  /** The table of that name, to add rows to. */
  table(name: StageName): StagedTable {
    return this.#tables.get(name) as StagedTable
  }

  /** Hands all rows to DuckDB. */
  flush(): void {
    for (const table of this.#tables.values()) table.flush()
  }

  /** Adds rows that lie in Parquet files with the columns of a table. */
  async load(name: StageName, files: readonly string[], rows: number): Promise<void> {
    if (rows === 0) return
    const list = files.map((file) => quoted(literalPattern(file))).join(', ')
    await this.connection.run(`INSERT INTO stage_${name} SELECT * FROM read_parquet([${list}])`)
    this.table(name).rows += rows
  }

  /** How many rows wait in a table. */
  rows(name: StageName): number {
    return this.#tables.get(name)?.rows ?? 0
  }

  /** Statements that empty the tables. Without the checkpoint DuckDB (1.5) keeps every text of more than 4 KB that was in them in memory. */
  emptying(): string[] {
    const filled = [...this.#tables].filter(([, table]) => table.rows > 0)
    return filled.length === 0 ? [] : [...filled.map(([name]) => `TRUNCATE stage_${name}`), 'CHECKPOINT temp']
  }

  /** To be called when the tables have been emptied. */
  reset(): void {
    for (const table of this.#tables.values()) table.rows = 0
  }

  close(): void {
    for (const table of this.#tables.values()) table.close()
  }
}

/** Rows of one staging table, gathered in chunks of DuckDB's vector size. */
export class StagedTable {
  /** Rows added since the table was last emptied. */
  rows = 0
  readonly #appender: DuckDBAppender
  readonly #types: DuckDBType[]
  #chunk: DuckDBDataChunk | undefined
  #vectors: { setItem(index: number, value: DuckDBValue): void; flush(): void }[] = []
  #at = 0

  constructor(types: DuckDBType[], appender: DuckDBAppender) {
    this.#appender = appender
    this.#types = types
  }

  /** Sets one value of the row at hand; `next` completes the row. */
  set(column: number, value: DuckDBValue): void {
    if (this.#chunk === undefined) this.#begin()
    this.#vectors[column]?.setItem(this.#at, value)
  }

  next(): void {
    this.rows++
    if (++this.#at === CHUNK_ROWS) this.#append()
  }

  /** Adds a whole row. */
  add(...values: DuckDBValue[]): void {
    for (let i = 0; i < values.length; i++) this.set(i, values[i] ?? null)
    this.next()
  }

  flush(): void {
    if (this.#at > 0) this.#append()
    if (this.rows > 0) this.#appender.flushSync()
  }

  close(): void {
    this.#appender.closeSync()
  }

  #begin(): void {
    this.#chunk ??= DuckDBDataChunk.create(this.#types, CHUNK_ROWS)
    const chunk = this.#chunk
    chunk.reset()
    chunk.rowCount = CHUNK_ROWS
    this.#vectors = this.#types.map((_, column) => chunk.getColumnVector(column))
    this.#at = 0
  }

  #append(): void {
    if (this.#chunk === undefined) return
    for (const vector of this.#vectors) vector.flush()
    this.#chunk.rowCount = this.#at
    this.#appender.appendDataChunk(this.#chunk)
    this.#begin()
  }
}
