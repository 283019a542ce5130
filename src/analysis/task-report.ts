import type { SessionReader } from '../store/query.ts'

/** Asynchronous operations that began at one place and are not over, or went wrong. */
export interface TaskRow {
  state: string
  kind: string
  type: string
  count: number
  age_ms: number | null
  function: string | null
  file: string | null
  line: number | null
  span_name: string | null
  span_id: string | null
  span_ended: boolean
}

/** What `PERF_ASYNC=on` found, the oldest first. */
export interface TaskReport {
  tasks: TaskRow[]
  pending: number
  never_settled: number
  orphans: number
}

/** Tasks of a session; null where there are none, as without `PERF_ASYNC`. */
export async function taskReport(reader: SessionReader, limit: number): Promise<TaskReport | null> {
  const tasks = await reader.rows<TaskRow>(
    `SELECT state, kind, type, count, age_ms, function, file, line, span_name, span_id, span_ended FROM tasks ORDER BY state <> 'pending', age_ms DESC, count DESC`,
  )
  if (tasks.length === 0) return null
  const total = (state: string): number => tasks.reduce((sum, row) => (row.state === state ? sum + row.count : sum), 0)
  return { tasks: tasks.slice(0, limit), pending: total('pending'), never_settled: total('never settled'), orphans: total('orphan') }
}
