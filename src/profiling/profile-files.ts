import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { SPAN_LOG_ENTRY_BYTES, SPAN_LOG_MAGIC } from '../core/profile-format.ts'
import type { CpuProfile, SpanLogHeader } from '../core/profile-format.ts'
import type { CpuProfileMessage } from './cpu.ts'

// profiles/<instance>.<thread>.<n>.cpuprofile.<zst|gz>   as V8 writes it
// profiles/<instance>.<thread>.<n>.maps.<zst|gz>         source maps of scripts compiled in the process, if any
// profiles/<instance>.<thread>.<n>.spans.<zst|gz>        what span was current at its samples; written first

/** Writes a profile and its span log, mode 0600, compressed; nothing when the thread was idle all the time. Throws when the disk says no. */
export function writeProfile(folder: string, instance: string, message: CpuProfileMessage, anchor: SpanLogHeader['anchor']): void {
  const { profile, thread, number, intervalUs, lostSwitches } = message
  if (isIdle(profile)) return
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const header: SpanLogHeader = { v: 1, instance, thread, number, intervalUs, anchor, lostSwitches }
  const base = path.join(folder, `${instance}.${thread}.${number}`)
  // A profile is only looked at when its own file is there: it comes last.
  if (Object.keys(message.maps).length > 0) writeCompressed(`${base}.maps`, Buffer.from(JSON.stringify(message.maps)))
  writeCompressed(`${base}.spans`, spanLog(header, thinned(message.switches, profile)))
  writeCompressed(`${base}.cpuprofile`, Buffer.from(JSON.stringify({ ...profile, nodes: profile.nodes.map(withShortUrl) })))
}

let heapProfiles = 0

/** Writes an allocation profile, mode 0600, compressed, and gives the name of its file. Throws when the disk says no. */
export function writeHeapProfile(folder: string, instance: string, profile: object): string {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const name = `${instance}.0.${heapProfiles++}.heapprofile`
  writeCompressed(path.join(folder, name), Buffer.from(JSON.stringify(profile)))
  return name
}

function isIdle({ nodes, samples }: CpuProfile): boolean {
  const idle = new Set(nodes.flatMap(({ id, callFrame }) => (IDLE.has(callFrame.functionName) && callFrame.url === '' ? [id] : [])))
  // The first and the last sample are of the profiler's own start and end.
  return samples.slice(1, -1).every((sample) => idle.has(sample))
}

const IDLE = new Set(['(idle)', '(program)', '(root)'])
const MAX_URL_CHARS = 1024

function withShortUrl(node: CpuProfile['nodes'][number]): CpuProfile['nodes'][number] {
  const url = shortUrl(node.callFrame.url)
  return url === node.callFrame.url ? node : { ...node, callFrame: { ...node.callFrame, url } }
}

/** The URL of a script as it may be stored: a `data:` URL is the whole program. */
export function shortUrl(url: string): string {
  return url.startsWith('data:') ? url.slice(0, url.search(/[;,]/) + 1) : url.slice(0, MAX_URL_CHARS)
}

/** Of the changes between two samples only the last one says anything about a sample. */
function thinned(switches: Uint8Array, profile: CpuProfile): Uint8Array {
  const view = new DataView(switches.buffer, switches.byteOffset, switches.byteLength)
  const kept: number[] = []
  const entries = Math.floor(switches.byteLength / SPAN_LOG_ENTRY_BYTES)
  let at = 0
  let time = profile.startTime
  for (const delta of profile.timeDeltas) {
    time += delta
    const first = at
    while (at < entries && view.getFloat64(at * SPAN_LOG_ENTRY_BYTES, true) <= time * 1000) at++
    if (at > first) kept.push(at - 1)
  }
  const result = Buffer.alloc(kept.length * SPAN_LOG_ENTRY_BYTES)
  for (const [i, entry] of kept.entries())
    result.set(switches.subarray(entry * SPAN_LOG_ENTRY_BYTES, (entry + 1) * SPAN_LOG_ENTRY_BYTES), i * SPAN_LOG_ENTRY_BYTES)
  return result
}

function spanLog(header: SpanLogHeader, entries: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(4)
  size.writeUInt32LE(json.length)
  return Buffer.concat([Buffer.from(SPAN_LOG_MAGIC), size, json, entries])
}

/** Writes `name` and the ending of its compression, mode 0600; it appears under its name when it is whole. */
export function writeCompressed(name: string, content: Buffer): void {
  const { zstdCompressSync } = zlib as Partial<Zstd>
  const compressed = zstdCompressSync === undefined ? zlib.gzipSync(content, { level: 1 }) : zstdCompressSync(content)
  const file = `${name}.${zstdCompressSync === undefined ? 'gz' : 'zst'}`
  fs.writeFileSync(`${file}.tmp`, compressed, { mode: 0o600 })
  fs.renameSync(`${file}.tmp`, file)
}

/** Node ≥ 22.15; not in the types of Node 20. */
interface Zstd {
  zstdCompressSync(content: Buffer): Buffer
}
