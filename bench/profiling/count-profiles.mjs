import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** How many CPU profiles lie in the sessions of a PERF_DIR. */
export function countProfiles(folder) {
  const sessions = join(folder, 'sessions')
  return readdirSync(sessions, { recursive: true }).filter((name) => /\.cpuprofile\.(zst|gz)$/.test(String(name))).length
}
