import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FolderNotWritableError, SessionBusyError } from '../../errors.ts'
import { isAlive, processStartTime } from '../process-identity.ts'

interface Holder {
  pid: number
  startTime: string | null
  token: string
}

interface LockOptions {
  timeoutMs?: number
  onWait?: (pid: number) => void
}

/**
 * Takes `sync.lock` of a session and gives the function that releases it. Waits for a living holder, takes over from a dead one.
 * DuckDB's own file lock stands behind it, so that two takers at the same instant cannot both write.
 */
export function acquireSyncLock(folder: string, options: LockOptions = {}): Promise<() => void> {
  return acquireLock(path.join(folder, 'sync.lock'), { ...options, doing: 'syncing this session' })
}

/** The same of any file; `doing` says in an error what its holder does. */
export async function acquireLock(file: string, options: LockOptions & { doing: string }): Promise<() => void> {
  const own: Holder = { pid: process.pid, startTime: processStartTime(process.pid) ?? null, token: Math.random().toString(16).slice(2) }
  const deadline = Date.now() + (options.timeoutMs ?? 60_000)
  for (let waited = false; ;) {
    if (create(file, own)) return () => release(file, own)
    const holder = readHolder(file)
    if (holder !== undefined && !isHeld(holder)) {
      setAside(file, holder)
      continue
    }
    if (Date.now() > deadline) {
      throw new SessionBusyError(`Process ${holder?.pid ?? '?'} has been ${options.doing} for a minute; end it or try again later.`)
    }
    if (!waited && holder !== undefined) options.onWait?.(holder.pid)
    waited = true
    await sleep(25)
  }
}

function create(file: string, own: Holder): boolean {
  try {
    const fd = openSync(file, 'wx', 0o600)
    writeSync(fd, JSON.stringify(own))
    closeSync(fd)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    throw new FolderNotWritableError(`${path.dirname(file)} is not writable (${code ?? 'unknown error'}).`, { cause: error })
  }
}

// A lock that cannot be read yet is being written by its holder, unless it stays so.
const unreadableSince = new Map<string, number>()

function readHolder(file: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as Holder
    unreadableSince.delete(file)
    return holder
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const since = unreadableSince.get(file) ?? Date.now()
    unreadableSince.set(file, since)
    return Date.now() - since > 1000 ? { pid: 0, startTime: null, token: '' } : undefined
  }
}

function isHeld(holder: Holder): boolean {
  if (!isAlive(holder.pid)) return false
  const startTime = processStartTime(holder.pid)
  return startTime === undefined || holder.startTime === null || startTime === holder.startTime
}

function setAside(file: string, stale: Holder): void {
  const aside = `${file}.${process.pid}.stale`
  try {
    renameSync(file, aside)
    // Between the look and the move another process may have taken over: its lock goes back.
    if (readHolder(aside)?.token !== stale.token) linkSync(aside, file)
  } catch {
    // Another process was faster; the next round sees its lock.
  }
  rmSync(aside, { force: true })
  unreadableSince.delete(aside)
  unreadableSince.delete(file)
}

function release(file: string, own: Holder): void {
  if (readHolder(file)?.token === own.token) rmSync(file, { force: true })
}
