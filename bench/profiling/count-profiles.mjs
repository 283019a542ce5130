import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** How many CPU profiles lie in the sessions of a PERF_DIR. */
export function countProfiles(folder) {
  const sessions = join(folder, 'sessions')
  return readdirSync(sessions, { recursive: true }).filter((name) => /\.cpuprofile\.(zst|gz)$/.test(String(name))).length
}

/** How many times the profile was rotated: the numbers in the names of the files; those of idle times are not written. */
export function countRotations(folder) {
  const numbers = readdirSync(join(folder, 'sessions'), { recursive: true }).map((name) => /\.(\d+)\.cpuprofile\./.exec(String(name))?.[1])
  return Math.max(0, ...numbers.filter((number) => number !== undefined).map(Number))
}
