import { createRequire } from 'node:module'
import path from 'node:path'

/** `PERF_CPU_SAMPLER`. */
export type SamplerSetting = 'auto' | 'inspector' | 'pprof'

/** What takes the samples of a run with `PERF_CPU`. */
export interface SamplerChoice {
  sampler: 'inspector' | 'pprof'
  /** Folder of the @datadog/pprof to use. */
  folder?: string
  /** Why this one, in a few words. */
  why: string
  /** It was to be another. */
  isProblem: boolean
}

const PACKAGE = '@datadog/pprof'
const OLDEST_NODE = 24
/** Older ones may abort the process as it ends (contexts freed after their environment). */
const OLDEST = [5, 18, 1] as const
const NEXT_MAJOR = 6

/** Whether @datadog/pprof samples, or the inspector. `folders` are those of the app. Nothing is loaded but a package.json. */
export function chooseSampler(setting: SamplerSetting, folders: readonly string[]): SamplerChoice {
  const inspector = (why: string, isProblem = false): SamplerChoice => ({ sampler: 'inspector', why, isProblem })
  if (setting === 'inspector') return inspector('PERF_CPU_SAMPLER=inspector')
  const isWanted = setting === 'pprof'
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) return inspector(`${PACKAGE} needs Node ${OLDEST_NODE}`, isWanted)
  const found = find(PACKAGE, folders)
  if (found === undefined) return inspector(`${PACKAGE} is not installed beside the app`, isWanted)
  // Only one at a time can use it in a thread, and its own profiler would come second.
  if (!isWanted && find('dd-trace', folders) !== undefined) return inspector(`${PACKAGE} is left to dd-trace`)
  if (!isSupported(found.version))
    return inspector(`${PACKAGE} ${found.version} is not of ${OLDEST.join('.')} to ${NEXT_MAJOR - 1}.x`, true)
  return { sampler: 'pprof', folder: found.folder, why: `${PACKAGE} ${found.version}`, isProblem: false }
}

function find(name: string, folders: readonly string[]): { folder: string; version: string } | undefined {
  for (const folder of folders) {
    try {
      const require = createRequire(path.join(folder, 'package.json'))
      const file = require.resolve(`${name}/package.json`)
      const { version } = require(file) as { version?: unknown }
      return { folder: path.dirname(file), version: String(version) }
    } catch {
      // Not there, or not to be read: as good as not there.
    }
  }
  return undefined
}

function isSupported(version: string): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10) || 0)
  if ((parts[0] ?? 0) >= NEXT_MAJOR) return false
  for (const [i, oldest] of OLDEST.entries()) if (parts[i] !== oldest) return (parts[i] ?? 0) > oldest
  return true
}
