import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { SessionNotFoundError } from '../../errors.ts'
import type { Session } from '../session.ts'
import { SNAPSHOT_ENDINGS } from './snapshot-file.ts'

/** A heap snapshot in a session's folder. */
export interface SessionSnapshot {
  /** Its place in the order of time, from 1. */
  number: number
  /** File name without its ending: `heap_classes.snapshot`. */
  name: string
  file: string
  /** Bytes of the file. */
  size: number
  changedMs: number
  /** When it was taken, ms since the epoch. */
  takenMs: number
  /** Process instance it is of. */
  instance: string | undefined
  /** Thread it is of; 0 is the main one. */
  thread: number
  /** What its `.json` says: reason, pause and figures; empty for a file without one. */
  facts: SnapshotFacts
}

/** What the process noted beside a snapshot it took. */
export interface SnapshotFacts {
  reason?: string
  pauseMs?: number
  heapUsedBytes?: number
  objects?: number
  /** What texts say was left out. */
  texts?: 'left out' | 'kept'
}

/** The heap snapshots of a session in the order of time. */
export function sessionSnapshots(session: Session): SessionSnapshot[] {
  const folder = path.join(session.folder, 'heap')
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  const snapshots = names.flatMap((fileName) => {
    const ending = SNAPSHOT_ENDINGS.find((text) => fileName.endsWith(text))
    const stat = ending === undefined ? undefined : statSync(path.join(folder, fileName), { throwIfNoEntry: false })
    return ending === undefined || stat === undefined ? [] : [describe(folder, fileName, ending, stat.size, stat.mtimeMs)]
  })
  snapshots.sort((a, b) => a.takenMs - b.takenMs || a.name.localeCompare(b.name))
  return snapshots.map((snapshot, i) => ({ number: i + 1, ...snapshot }))
}

function describe(folder: string, fileName: string, ending: string, size: number, changedMs: number): Omit<SessionSnapshot, 'number'> {
  const name = fileName.slice(0, -ending.length)
  // heap/<instance>-<ms since the epoch>.heapsnapshot…, of a worker thread heap/<instance>.<thread>-…
  const parts = /^([0-9a-f]{16})(?:\.(\d+))?-(\d{13})$/.exec(name)
  return {
    name,
    file: path.join(folder, fileName),
    size,
    changedMs,
    takenMs: parts === null ? changedMs : Number(parts[3]),
    instance: parts?.[1],
    thread: Number(parts?.[2] ?? 0),
    facts: readFacts(path.join(folder, `${name}.json`)),
  }
}

function readFacts(file: string): SnapshotFacts {
  try {
    const facts: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof facts === 'object' && facts !== null ? facts : {}
  } catch {
    return {}
  }
}

/** The snapshot of a session that `which` names: its number, its name or the start of it, `first`, `last` (of a main thread, if any). Throws what to do instead. */
export function findSnapshot(session: Session, which: string): SessionSnapshot {
  const snapshots = sessionSnapshots(session)
  if (snapshots.length === 0) throw new SessionNotFoundError(`Session ${session.name} has no heap snapshot.`)
  if (which === 'first' || which === 'last') {
    const ofMain = snapshots.filter(({ thread }) => thread === 0)
    const found = (ofMain.length > 0 ? ofMain : snapshots).at(which === 'first' ? 0 : -1)
    if (found !== undefined) return found
  }
  const index = /^\d{1,6}$/.test(which) ? Number(which) - 1 : -1
  const found = snapshots[index] ?? snapshots.find(({ name }) => name === which) ?? snapshots.find(({ name }) => name.startsWith(which))
  if (found !== undefined) return found
  throw new SessionNotFoundError(
    `No heap snapshot '${which}' in session ${session.name}, which has ${snapshots.length}: give a number from 1 to ${snapshots.length}, or a file.`,
  )
}
