import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { SPAN_LOG_ENTRY_BYTES, SPAN_LOG_MAGIC } from '../../core/profile-format.ts'
import type { CpuProfile, SpanLogHeader } from '../../core/profile-format.ts'
import type { Session } from '../session.ts'
import { readCompressedFile } from './compressed-file.ts'

/** A CPU profile in a session's folder: `profiles/<instance>.<thread>.<number>.cpuprofile.<zst|gz>`. */
export interface ProfileFile {
  /** Name from the session's folder. */
  name: string
  path: string
  instance: string
  thread: number
  number: number
  size: number
  changedMs: number
}

const NAME = /^([0-9a-f]{16})\.(\d+)\.(\d+)\.cpuprofile\.(?:zst|gz)$/

/** All CPU profiles of a session, each thread's in the order in which they were taken. */
export function profileFiles(session: Session): ProfileFile[] {
  const folder = path.join(session.folder, 'profiles')
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  const files = names.flatMap((base): ProfileFile[] => {
    const match = NAME.exec(base)
    const stat = match === null ? undefined : statSync(path.join(folder, base), { throwIfNoEntry: false })
    if (match === null || stat === undefined) return []
    const [, instance = '', thread, number] = match
    return [
      {
        name: `profiles/${base}`,
        path: path.join(folder, base),
        instance,
        thread: Number(thread),
        number: Number(number),
        size: stat.size,
        changedMs: stat.mtimeMs,
      },
    ]
  })
  return files.sort((a, b) => a.instance.localeCompare(b.instance) || a.thread - b.thread || a.number - b.number)
}

/** Reads a profile. Throws with a reason when it is cut short or not one. */
export function readProfile(file: ProfileFile): CpuProfile {
  const profile = JSON.parse(readCompressedFile(file.path).toString()) as Partial<CpuProfile>
  const { nodes, samples, timeDeltas, startTime, endTime } = profile
  if (!Array.isArray(nodes) || !Array.isArray(samples) || !Array.isArray(timeDeltas) || samples.length !== timeDeltas.length)
    throw new Error('not a CPU profile')
  if (typeof startTime !== 'number' || typeof endTime !== 'number') throw new Error('a CPU profile without times')
  return { nodes, samples, timeDeltas, startTime, endTime }
}

/** Which span was current, over time. */
export interface SpanLog {
  header: SpanLogHeader
  /** Id of the span at a time of `process.hrtime` in ns, 0 for none. */
  spanAt(timeNs: number): bigint
}

/** Reads the span log beside a profile. Throws with a reason when it is not there or cut short. */
export function readSpanLog(file: ProfileFile): SpanLog {
  const bytes = readCompressedFile(file.path.replace(/\.cpuprofile\.(zst|gz)$/, '.spans.$1'))
  const from = bytes.length < 12 ? 0 : 12 + bytes.readUInt32LE(8)
  if (from === 0 || from > bytes.length || bytes.toString('latin1', 0, 8) !== SPAN_LOG_MAGIC) throw new Error('its span log is not one')
  const header = JSON.parse(bytes.toString('utf8', 12, from)) as SpanLogHeader
  const entries = Math.floor((bytes.length - from) / SPAN_LOG_ENTRY_BYTES)
  return {
    header,
    spanAt(timeNs) {
      let low = 0
      let high = entries
      while (low < high) {
        const middle = (low + high) >>> 1
        if (bytes.readDoubleLE(from + middle * SPAN_LOG_ENTRY_BYTES) <= timeNs) low = middle + 1
        else high = middle
      }
      return low === 0 ? 0n : bytes.readBigUInt64LE(from + (low - 1) * SPAN_LOG_ENTRY_BYTES + 8)
    },
  }
}

/** Source maps of scripts that were compiled in the process, by their URL; what cannot be read is left out. */
export function readScriptMaps(session: Session, instance: string): Map<string, object> {
  const folder = path.join(session.folder, 'profiles')
  const maps = new Map<string, object>()
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${instance}.`) || !/\.maps\.(?:zst|gz)$/.test(name)) continue
    try {
      const found = JSON.parse(readCompressedFile(path.join(folder, name)).toString()) as Record<string, object>
      for (const [url, map] of Object.entries(found)) maps.set(url, map)
    } catch {
      // Without it the lines are those of the compiled code.
    }
  }
  return maps
}
