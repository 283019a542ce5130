import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { makeFolder } from '../core/make-folder.ts'
import { SPAN_LOG_MAGIC } from '../core/profile-format.ts'
import type { CpuProfile, SpanLogHeader } from '../core/profile-format.ts'
import type { CpuProfileMessage } from './cpu.ts'

// profiles/<instance>.<thread>.<n>.cpuprofile.<zst|gz>   as V8 writes it
// profiles/<instance>.<thread>.<n>.maps.<zst|gz>         source maps of scripts compiled in the process, if any
// profiles/<instance>.<thread>.<n>.spans.<zst|gz>        what span was current at its samples; written first

/** Writes a profile and its span log, mode 0600, compressed; nothing when the thread was idle all the time. Throws when the disk says no. */
export function writeProfile(folder: string, instance: string, message: CpuProfileMessage, anchor: SpanLogHeader['anchor']): void {
  const { profile, thread, number, intervalUs, sampler, lostSwitches } = message
  if (isIdle(profile)) return
  makeFolder(folder)
  const header: SpanLogHeader = { v: 1, instance, thread, number, intervalUs, sampler, anchor, lostSwitches }
  const base = path.join(folder, `${instance}.${thread}.${number}`)
  // A profile is only looked at when its own file is there: it comes last.
  if (Object.keys(message.maps).length > 0) writeCompressed(`${base}.maps`, Buffer.from(JSON.stringify(message.maps)))
  writeCompressed(`${base}.spans`, spanLog(header, message.switches))
  writeCompressed(`${base}.cpuprofile`, Buffer.from(JSON.stringify({ ...profile, nodes: profile.nodes.map(withShortUrl) })))
}

let heapProfiles = 0

/** Writes an allocation profile, mode 0600, compressed, and gives the name of its file. Throws when the disk says no. */
export function writeHeapProfile(folder: string, instance: string, profile: object): string {
  makeFolder(folder)
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
