import fs from 'node:fs'
import path from 'node:path'
import type { CpuProfileMessage } from '../profiling/cpu.ts'
import { writeProfile } from '../profiling/profile-files.ts'
import type { Block } from '../store/codec/block.ts'
import { SPILL_MAGIC } from '../store/codec/spill.ts'
import { RingReader } from '../store/hot/ring-reader.ts'
import { fileSizeLimit, limitError } from '../store/hot/room.ts'
import { wallAnchor } from './anchor.ts'
import { BlockBuilder } from './block-builder.ts'
import { PayloadStore } from './payloads.ts'
import { loadRedactor } from './redaction-rules.ts'
import { createSessionFolder, hasLeftFiles, processMeta, projectKey } from './session-folder.ts'
import type { ProcessInfo } from './session-folder.ts'

export interface SpillOptions {
  memory: SharedArrayBuffer
  /** Every string the ring has defined: a writer may have consumed the records that did. */
  definitions: Iterable<[text: string, id: number]>
  process: ProcessInfo
  redact: string[]
  dir: string
}

/** Writes a CPU profile from the app thread at its exit, when no writer is ready. Throws when the disk says no. */
export function spillProfile(process: ProcessInfo, message: CpuProfileMessage, redact: string[]): void {
  createSessionFolder(process, {}, loadRedactor(redact, process.root).redactor)
  writeProfile(path.join(process.sessionDir, 'profiles'), process.instance, message, wallAnchor())
}

/** How the process ended; null for a thread that is not the main one. */
export type SpillEnd = { code: number; reason: string; wallMs: number; monoNs: number } | null

/**
 * Writes rings to spill files, redacted, from the app thread at its exit. The function it gives writes what came since the last call as
 * one more segment of the thread's file, and nothing when there is nothing. It throws what the disk says.
 */
export function createSpill(options: SpillOptions): (end: SpillEnd) => void {
  const { process: info } = options
  const reader = new RingReader(options.memory)
  const { redactor } = loadRedactor(options.redact, info.root)
  const payloads = new PayloadStore(() => projectKey(options.dir), 'off', redactor)
  const builder = new BlockBuilder(reader, redactor, payloads, options.definitions)
  let file: string | undefined
  let meta: object | undefined
  let written = 0
  return (end) => {
    const blocks: Block[] = []
    for (let first = true; ; first = false) {
      const next = builder.next(first ? 'all' : 'none')
      if (next === undefined) break
      next.release()
      blocks.push(next.block)
    }
    const isNothing = !blocks.some(({ spans, counters }) => spans > 0 || counters['packages_missed'] !== undefined)
    if (file === undefined && isNothing && (end === null || !hasLeftFiles(info))) return
    if (file === undefined) createSessionFolder(info, {}, redactor)
    meta ??= processMeta(info, {}, redactor)
    file ??= path.join(info.sessionDir, 'hot', `${info.instance}.${reader.thread}.${Date.now()}.spill`)
    const bytes = segment({ process: meta, end }, blocks)
    if (written + bytes.length > fileSizeLimit()) throw limitError()
    try {
      fs.appendFileSync(file, bytes, { mode: 0o600 })
    } catch (error) {
      // Whole segments only: a reader must not take the rest of this one for damage.
      if (written === 0) fs.rmSync(file, { force: true })
      else fs.truncateSync(file, written)
      throw error
    }
    written += bytes.length
  }
}

function segment(head: object, blocks: readonly Block[]): Buffer {
  const header = Buffer.from(JSON.stringify({ ...head, blocks: blocks.map(({ data, ...block }) => ({ ...block, bytes: data.length })) }))
  const size = Buffer.alloc(4)
  size.writeUInt32LE(header.length)
  return Buffer.concat([Buffer.from(SPILL_MAGIC), size, header, ...blocks.map((block) => block.data)])
}
