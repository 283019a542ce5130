import type { DuckDBConnection } from '@duckdb/node-api'
import { keepCallTargets } from './call-targets.ts'
import { hex128 } from './views.ts'

/** A view that takes seconds in a large session, and how its rows are kept. */
interface KeptView {
  /** Statements that make temporary tables and, over them, a temporary view of the name and the columns of the view. */
  keep(session: string): string[]
  tables: readonly string[]
}

const idsOf = (session: string): string =>
  `printf('%016x', span_key) AS span_id, ${hex128('trace_key')} AS trace_id, '${session.replaceAll("'", "''")}' AS session`

// What can be made from other columns (ids as text) is not kept: it would be most of the memory.
const KEPT = {
  // Attributes would be two thirds of it: who needs more of them than the columns say joins the spans.
  ai_calls: {
    keep: (session) => [
      'CREATE OR REPLACE TEMP TABLE kept_ai_calls AS SELECT * EXCLUDE (span_id, trace_id, session, attributes) FROM main.ai_calls',
      `CREATE OR REPLACE TEMP VIEW ai_calls AS SELECT ${idsOf(session)}, * FROM kept_ai_calls`,
    ],
    tables: ['kept_ai_calls'],
  },
  cache_ops: {
    keep: (session) => [
      'CREATE OR REPLACE TEMP TABLE kept_cache_ops AS SELECT * EXCLUDE (span_id, trace_id, session) FROM main.cache_ops',
      `CREATE OR REPLACE TEMP VIEW cache_ops AS SELECT ${idsOf(session)}, * FROM kept_cache_ops`,
    ],
    tables: ['kept_cache_ops'],
  },
  call_targets: { keep: () => keepCallTargets, tables: ['kept_call_targets', 'kept_targets'] },
} as const satisfies Record<string, KeptView>

/** The order in which they are kept: operations of caches read AI calls. */
const ORDER = Object.keys(KEPT) as KeptViewName[]

/** Views that can be computed once for many queries. */
export type KeptViewName = keyof typeof KEPT

/** Runs `work` while views, and every view over them, read rows that were computed once: temporary views of their names stand before them. */
export async function keepViews<T>(
  connection: DuckDBConnection,
  session: string,
  views: readonly KeptViewName[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    for (const name of ORDER.filter((each) => views.includes(each))) await connection.run(KEPT[name].keep(session).join(';\n'))
    return await work()
  } finally {
    const drops = views.flatMap((name) => [
      `VIEW IF EXISTS temp.${name}`,
      ...KEPT[name].tables.map((table) => `TABLE IF EXISTS temp.${table}`),
    ])
    await connection.run(drops.map((what) => `DROP ${what}`).join(';\n'))
  }
}
