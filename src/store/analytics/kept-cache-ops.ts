import type { DuckDBConnection } from '@duckdb/node-api'
import { hex128 } from './views.ts'

/**
 * Runs `work` while the view `cache_ops`, and every view over it, reads rows that were computed once: a temporary view of the same name and
 * columns stands before it. What can be made from other columns (ids as text) is not kept: it would be most of the memory.
 */
export async function keepCacheOps<T>(connection: DuckDBConnection, session: string, work: () => Promise<T>): Promise<T> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE kept_cache_ops AS SELECT * EXCLUDE (span_id, trace_id, session) FROM main.cache_ops;
    CREATE OR REPLACE TEMP VIEW cache_ops AS SELECT printf('%016x', span_key) AS span_id, ${hex128('trace_key')} AS trace_id, '${session.replaceAll("'", "''")}' AS session, * FROM kept_cache_ops`)
  try {
    return await work()
  } finally {
    await connection.run('DROP VIEW temp.cache_ops; DROP TABLE temp.kept_cache_ops')
  }
}
