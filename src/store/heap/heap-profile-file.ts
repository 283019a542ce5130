import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import type { HeapProfile } from '../../core/heap-profile-format.ts'
import { readCompressedFile } from '../profiles/compressed-file.ts'
import type { Session } from '../session.ts'

/**
 * A heap profile in a session's folder: `heap/<instance>.<thread>.heapprofile.<zst|gz>`, or with a number before the ending, written by a
 * trigger or a command. Beside the former that is what came since the last hand-over, which belongs to it until it is written again; else a
 * window of its own.
 */
export interface HeapProfileFile {
  /** Name from the session's folder. */
  name: string
  path: string
  instance: string
  thread: number
  isPart: boolean
  size: number
  changedMs: number
}

const NAME = /^([0-9a-f]{16})\.(\d+)(\.\d+)?\.heapprofile\.(?:zst|gz)$/

/** The heap profiles of a session that add up to what is known of its allocations, those of whole runs first. */
export function heapProfileFiles(session: Session): HeapProfileFile[] {
  const all = listFiles(path.join(session.folder, 'heap'))
  const whole = all.filter(({ isPart }) => !isPart)
  const parts = all.filter((file) => {
    if (!file.isPart) return false
    const isOfThread = ({ instance, thread }: HeapProfileFile): boolean => instance === file.instance && thread === file.thread
    const run = whole.find(isOfThread)
    return run === undefined || (file.changedMs > run.changedMs && file === all.findLast((other) => other.isPart && isOfThread(other)))
  })
  return [...whole, ...parts]
}

/** In the order of time. */
function listFiles(folder: string): HeapProfileFile[] {
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch {
    return []
  }
  return names
    .flatMap((base): HeapProfileFile[] => {
      const file = path.join(folder, base)
      const match = NAME.exec(base)
      const stat = match === null ? undefined : statSync(file, { throwIfNoEntry: false })
      if (match === null || stat === undefined) return []
      const [, instance = '', thread, number] = match
      const isPart = number !== undefined
      return [{ name: `heap/${base}`, path: file, instance, thread: Number(thread), isPart, size: stat.size, changedMs: stat.mtimeMs }]
    })
    .sort((a, b) => a.changedMs - b.changedMs)
}

/** Reads one. Throws with a reason when it is cut short or not one. */
export function readHeapProfile(file: HeapProfileFile): HeapProfile {
  const profile = JSON.parse(readCompressedFile(file.path).toString()) as Partial<HeapProfile>
  if (!Array.isArray(profile.head?.children)) throw new Error('not a heap profile')
  const perf = profile.perf ?? { v: 1, thread: file.thread, samplingIntervalBytes: 0, elapsedMs: 0, lookedMs: 0, spans: [] }
  return { head: profile.head, samples: [], perf }
}
