import fs from 'node:fs'
import path from 'node:path'
import type { Block } from '../store/codec/block.ts'
import { SPILL_MAGIC } from '../store/codec/spill.ts'
import { RingReader } from '../store/hot/ring-reader.ts'
import { BlockBuilder } from './block-builder.ts'
import { PayloadStore } from './payloads.ts'
import type { Capture } from './payloads.ts'
import { loadRedactor } from './redaction-rules.ts'
import { createSessionFolder, processMeta, projectKey } from './session-folder.ts'
import type { ProcessInfo } from './session-folder.ts'

export interface SpillOptions {
  memory: SharedArrayBuffer
  process: ProcessInfo
  end: { code: number; reason: string; wallMs: number; monoNs: number }
  redact: string[]
  capture: Capture
  dir: string
}

/** Writes the rest of a ring to a spill file, redacted, from the app thread at its exit. Nothing is written when the ring is empty. */
export function spillRing(options: SpillOptions): void {
  const reader = new RingReader(options.memory)
  const { redactor } = loadRedactor(options.redact, options.process.cwd)
  const builder = new BlockBuilder(reader, redactor, new PayloadStore(() => projectKey(options.dir), 'off', redactor))
  const blocks: Block[] = []
  for (let first = true; ; first = false) {
    const next = builder.next(first ? 'all' : 'none')
    if (next === undefined) break
    next.release()
    blocks.push(next.block)
  }
  if (!blocks.some((block) => block.spans > 0)) return
  createSessionFolder(options.process, {}, redactor)
  const header = Buffer.from(
    JSON.stringify({
      process: processMeta(options.process, {}, redactor),
      end: options.end,
      blocks: blocks.map(({ data, ...block }) => ({ ...block, bytes: data.length })),
    }),
  )
  const size = Buffer.alloc(4)
  size.writeUInt32LE(header.length)
  const { sessionDir, instance } = options.process
  const name = `${instance}.${reader.thread}.${Date.now()}.spill`
  fs.writeFileSync(
    path.join(sessionDir, 'hot', name),
    Buffer.concat([Buffer.from(SPILL_MAGIC), size, header, ...blocks.map((block) => block.data)]),
    { mode: 0o600 },
  )
}
