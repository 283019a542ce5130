import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import type { HeapProfile } from '../../core/heap-profile-format.ts'
import { readCompressedFile } from '../profiles/compressed-file.ts'
import type { Session } from '../session.ts'

/**
 * A heap profile in a session's folder: `heap/<instance>.<thread>.heapprofile.<zst|gz>`, or with a number before the ending, written by a
 * trigger: what came since the last hand-over, which belongs to the former until that is written again.
 */
export interface HeapProfileFile {
  /** Name from the session's folder. */
  name: string
  path: string
  instance: string
  thread: number
  size: number
  changedMs: number
}

const NAME = /^([0-9a-f]{16})\.(\d+)(\.\d+)?\.heapprofile\.(?:zst|gz)$/

/** The heap profiles of a session that add up to what its processes allocated, those of whole runs first. */
export function heapProfileFiles(session: Session): HeapProfileFile[] {
  const folder = path.join(session.folder, 'heap')
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch {
    return []
  }
  const all = names.flatMap((base): (HeapProfileFile & { isPart: boolean })[] => {
    const file = path.join(folder, base)
    const match = NAME.exec(base)
    const stat = match === null ? undefined : statSync(file, { throwIfNoEntry: false })
    if (match === null || stat === undefined) return []
    const [, instance = '', thread, number] = match
    const isPart = number !== undefined
    return [{ name: `heap/${base}`, path: file, instance, thread: Number(thread), size: stat.size, changedMs: stat.mtimeMs, isPart }]
  })
  const whole = all.filter(({ isPart }) => !isPart)
  const latest = whole.flatMap((run) => {
    const since = all.filter((part) => part.isPart && part.instance === run.instance && part.thread === run.thread)
    const last = since.sort((a, b) => b.changedMs - a.changedMs)[0]
    return last !== undefined && last.changedMs > run.changedMs ? [last] : []
  })
  return [...whole, ...latest]
}

/** Reads one. Throws with a reason when it is cut short or not one. */
export function readHeapProfile(file: HeapProfileFile): HeapProfile {
  const profile = JSON.parse(readCompressedFile(file.path).toString()) as Partial<HeapProfile>
  if (!Array.isArray(profile.head?.children)) throw new Error('not a heap profile')
  const perf = profile.perf ?? { v: 1, thread: file.thread, samplingIntervalBytes: 0, elapsedMs: 0, lookedMs: 0, spans: [] }
  return { head: profile.head, samples: [], perf }
}
