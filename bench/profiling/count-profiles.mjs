import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { decompress } from 'fzstd'

/** How many CPU profiles lie in the sessions of a PERF_DIR; those of one sampler (`pprof`), if it is named. */
export function countProfiles(folder, sampler) {
  const sessions = join(folder, 'sessions')
  const logs = readdirSync(sessions, { recursive: true }).filter((name) => /\.spans\.(zst|gz)$/.test(String(name)))
  return logs.filter((name) => sampler === undefined || samplerOf(join(sessions, name)) === sampler).length
}

/** What the header of a span log says. */
function samplerOf(file) {
  const content = readFileSync(file)
  const bytes = Buffer.from(file.endsWith('.gz') ? gunzipSync(content) : decompress(content))
  return JSON.parse(bytes.toString('utf8', 12, 12 + bytes.readUInt32LE(8))).sampler
}

/** How many times the profile was rotated: the numbers in the names of the files; those of idle times are not written. */
export function countRotations(folder) {
  const numbers = readdirSync(join(folder, 'sessions'), { recursive: true }).map((name) => /\.(\d+)\.cpuprofile\./.exec(String(name))?.[1])
  return Math.max(0, ...numbers.filter((number) => number !== undefined).map(Number))
}
