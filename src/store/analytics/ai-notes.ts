import type { DuckDBConnection } from '@duckdb/node-api'
import { noteAiContext } from './ai-context.ts'
import { noteNestedAi } from './nested-ai.ts'

/** Key of `store.meta`: how many spans there were when the AI calls among them were looked at. */
export const AI_NOTED = 'ai_noted'

const SPANS = '(SELECT count(*)::VARCHAR FROM store.spans)'

/** Notes which AI calls count, and their conversations and agents, where spans came since that was done: in this sync or in one that broke off. */
export async function noteAi(connection: DuckDBConnection): Promise<void> {
  if (!(await hasUnnotedAi(connection))) return
  await noteNestedAi(connection)
  await noteAiContext(connection)
  await connection.run(`INSERT OR REPLACE INTO store.meta SELECT '${AI_NOTED}', ${SPANS}`)
}

/** Whether a sync broke off before it had looked at the AI calls it stored. */
export async function hasUnnotedAi(connection: DuckDBConnection): Promise<boolean> {
  const result = await connection.runAndReadAll(`SELECT ${SPANS} IS DISTINCT FROM (SELECT value FROM store.meta WHERE key = '${AI_NOTED}')`)
  return result.getRows()[0]?.[0] === true
}
