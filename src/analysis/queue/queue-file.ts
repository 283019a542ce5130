import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { makeFolder } from '../../core/make-folder.ts'
import { FolderNotWritableError, PerfError } from '../../errors.ts'
import { acquireLock } from '../../store/analytics/lock.ts'
import type { Candidate } from './candidate.ts'

/** `<PERF_DIR>/queue.json`, format 1. */
export interface Queue {
  format: 1
  /** Sessions that were taken, with the number of spans they had then; one that was over then is not looked at again. */
  sessions: Record<string, { spans: number; is_over: boolean }>
  candidates: Candidate[]
}

/** The queue of a folder of sessions; an empty one where none was kept. Throws `PerfError` for a file of another format or no JSON. */
export function readQueue(dir: string): Queue {
  const file = path.join(dir, 'queue.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { format: 1, sessions: {}, candidates: [] }
    throw new PerfError('QUEUE_UNREADABLE', `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`, 2, {
      cause: error,
    })
  }
  const value = parse(text)
  if (value === undefined)
    throw new PerfError('QUEUE_UNREADABLE', `${file} is damaged; move it away and run 'perf-agent queue' for a new one.`)
  if (value.format !== 1)
    throw new PerfError(
      'QUEUE_TOO_NEW',
      `${file} was written in format ${String(value.format)} by a newer version; this one knows format 1.`,
    )
  return value as Queue
}

/** Changes the queue under a lock that a killed holder does not keep, and writes it in one step; gives what `change` gave. */
export async function updateQueue<T>(dir: string, change: (queue: Queue) => { queue: Queue; result: T }): Promise<T> {
  try {
    makeFolder(dir)
  } catch (error) {
    throw new FolderNotWritableError(
      `The queue cannot be kept: ${dir} is not writable (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
      { cause: error },
    )
  }
  const release = await acquireLock(path.join(dir, 'queue.lock'), { doing: 'changing the queue' })
  try {
    const { queue, result } = change(readQueue(dir))
    write(path.join(dir, 'queue.json'), queue)
    return result
  } finally {
    release()
  }
}

function write(file: string, queue: Queue): void {
  const unfinished = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(unfinished, `${JSON.stringify(queue)}\n`, { mode: 0o600 })
    renameSync(unfinished, file)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw new FolderNotWritableError(
      `The queue cannot be kept: ${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
      { cause: error },
    )
  }
}

function parse(text: string): { format?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isQueue =
      typeof value === 'object' &&
      value !== null &&
      'format' in value &&
      (value.format !== 1 || ('candidates' in value && Array.isArray(value.candidates)))
    return isQueue ? value : undefined
  } catch {
    return undefined
  }
}
