import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import type { HeapProfile } from '../../core/heap-profile-format.ts'
import { readCompressedFile } from '../profiles/compressed-file.ts'
import type { Session } from '../session.ts'

/** A heap profile in a session's folder: `heap/<instance>.<thread>.heapprofile.<zst|gz>`. */
export interface HeapProfileFile {
  /** Name from the session's folder. */
  name: string
  path: string
  instance: string
  thread: number
  size: number
  changedMs: number
}

const NAME = /^([0-9a-f]{16})\.(\d+)\.heapprofile\.(?:zst|gz)$/

/** All heap profiles of a session. */
export function heapProfileFiles(session: Session): HeapProfileFile[] {
  const folder = path.join(session.folder, 'heap')
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch {
    return []
  }
  return names.flatMap((base): HeapProfileFile[] => {
    const file = path.join(folder, base)
    const match = NAME.exec(base)
    const stat = match === null ? undefined : statSync(file, { throwIfNoEntry: false })
    if (match === null || stat === undefined) return []
    const [, instance = '', thread] = match
    return [{ name: `heap/${base}`, path: file, instance, thread: Number(thread), size: stat.size, changedMs: stat.mtimeMs }]
  })
}

/** Reads one. Throws with a reason when it is cut short or not one. */
export function readHeapProfile(file: HeapProfileFile): HeapProfile {
  const profile = JSON.parse(readCompressedFile(file.path).toString()) as Partial<HeapProfile>
  if (!Array.isArray(profile.head?.children)) throw new Error('not a heap profile')
  const perf = profile.perf ?? { v: 1, thread: file.thread, samplingIntervalBytes: 0, elapsedMs: 0, lookedMs: 0, spans: [] }
  return { head: profile.head, samples: [], perf }
}
