import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Beat, EndMark, ProcessMeta } from './codec/block.ts'
import { isAlive } from './process-identity.ts'

/** `crashed`: killed, or died of an error. */
export type ProcessState = 'live' | 'done' | 'crashed'

/** How old a beat may be before a process counts as dead; beats come at least every 2 s. */
const BEAT_TIMEOUT_MS = 10_000

/**
 * State of a process instance, derived from its end mark, its beats and its pid.
 * @param dir PERF_DIR, for `live/<pid>.json`: a pid in use again belongs to another instance
 */
export function processState(
  dir: string,
  process: Pick<ProcessMeta, 'pid' | 'host' | 'instance'>,
  beat: Beat | undefined,
  end: EndMark | undefined | null,
  now = Date.now(),
): ProcessState {
  if (end) return end.reason === 'exit' ? 'done' : 'crashed'
  const isFresh = beat !== undefined && Math.abs(now - beat.wallMs) < BEAT_TIMEOUT_MS
  if (process.host !== undefined && process.host !== os.hostname()) return isFresh ? 'live' : 'crashed'
  if (!isAlive(process.pid)) return 'crashed'
  return isFresh || liveInstance(dir, process.pid) === process.instance ? 'live' : 'crashed'
}

/** State of a session from those of its processes. */
export function sessionState(states: readonly ProcessState[]): ProcessState | 'empty' {
  if (states.length === 0) return 'empty'
  if (states.includes('live')) return 'live'
  return states.includes('crashed') ? 'crashed' : 'done'
}

function liveInstance(dir: string, pid: number): string | undefined {
  try {
    return (JSON.parse(readFileSync(path.join(dir, 'live', `${pid}.json`), 'utf8')) as { instance?: string }).instance
  } catch {
    return undefined
  }
}
