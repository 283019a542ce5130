import { UsageError } from '../errors.ts'
import type { SessionReader } from '../store/query.ts'

/** A snapshot of the app's own state. */
export interface StateSnapshot {
  snapshot: number
  name: string
  time: string
  reason: string | null
  span_id: string | null
  bytes: number | null
  truncated: boolean
  error: string | null
}

/** One difference between two states; `path` as in JavaScript, `''` for the whole. */
export interface StateChange {
  path: string
  change: 'added' | 'removed' | 'changed'
  before?: unknown
  after?: unknown
}

/** Two snapshots compared. */
export interface StateDiff {
  before: StateSnapshot
  after: StateSnapshot
  changes: StateChange[]
}

const COLUMNS = 'snapshot, name, time, reason, span_id, bytes, truncated, error'

/** The state snapshots of a session in the order of time. */
export function stateSnapshots(reader: SessionReader): Promise<StateSnapshot[]> {
  return reader.rows<StateSnapshot>(`SELECT ${COLUMNS} FROM state_snapshots ORDER BY snapshot`)
}

/** One of them with its value. Throws `UsageError` when there is none of that number. */
export async function stateSnapshot(reader: SessionReader, number: number): Promise<StateSnapshot & { value: unknown }> {
  const [found] = await reader.rows<StateSnapshot & { value: unknown }>(
    `SELECT ${COLUMNS}, value FROM state_snapshots WHERE snapshot = ${Math.trunc(number)}`,
  )
  if (found !== undefined) return found
  throw new UsageError(`There is no state snapshot ${number} in session ${reader.session.name}; 'perf-agent snapshot list' shows them.`)
}

/** Compares two state snapshots by their numbers. */
export async function diffStates(reader: SessionReader, first: number, second: number): Promise<StateDiff> {
  const { value: valueBefore, ...before } = await stateSnapshot(reader, first)
  const { value: valueAfter, ...after } = await stateSnapshot(reader, second)
  return { before, after, changes: changesBetween(valueBefore, valueAfter) }
}

/** What was added, removed and changed from one JSON value to another, in the order of the paths. */
export function changesBetween(before: unknown, after: unknown): StateChange[] {
  const changes: StateChange[] = []
  compare('', before, after, changes)
  return changes
}

function compare(path: string, before: unknown, after: unknown, changes: StateChange[]): void {
  if (Object.is(before, after)) return
  if (!isContainer(before) || !isContainer(after) || Array.isArray(before) !== Array.isArray(after)) {
    changes.push({ path, change: 'changed', before, after })
    return
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const inner = `${path}${step(key, Array.isArray(before))}`
    if (!Object.hasOwn(after, key)) changes.push({ path: inner, change: 'removed', before: before[key] })
    else if (!Object.hasOwn(before, key)) changes.push({ path: inner, change: 'added', after: after[key] })
    else compare(inner, before[key], after[key], changes)
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function step(key: string, isArray: boolean): string {
  if (isArray) return `[${key}]`
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
