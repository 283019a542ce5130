import type { Block, EndMark, ProcessMeta } from './block.ts'

/**
 * A spill file: what a process wrote at exit without its writer thread.
 * ```
 * 0           8                12               12 + header bytes
 *  "PERFSPL1"  u32 header bytes  header JSON      data of block 0 · data of block 1 · …
 * ```
 */
export const SPILL_MAGIC = 'PERFSPL1'
export const SPILL_PREFIX_BYTES = 12

/** A block in the header of a spill file: everything but its data, whose length is `bytes`. */
export type SpillBlock = Omit<Block, 'data'> & { bytes: number }

/** The JSON header of a spill file. */
export interface SpillHeader {
  process: ProcessMeta
  end: EndMark | null
  blocks: SpillBlock[]
}

/** A spill file as read back. */
export interface Spill {
  process: ProcessMeta
  end: EndMark | null
  blocks: Block[]
  /** Blocks whose data the file no longer holds in full (disk full, killed while writing). */
  cutBlocks: number
}

/** Reads the bytes of a spill file; `undefined` when they are not one or its header is cut. */
export function decodeSpill(file: Uint8Array): Spill | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  if (bytes.length < SPILL_PREFIX_BYTES || bytes.toString('latin1', 0, 8) !== SPILL_MAGIC) return undefined
  const dataStart = SPILL_PREFIX_BYTES + bytes.readUInt32LE(8)
  if (dataStart > bytes.length) return undefined
  const header = parseHeader(bytes.toString('utf8', SPILL_PREFIX_BYTES, dataStart))
  if (header === undefined) return undefined
  const blocks: Block[] = []
  let at = dataStart
  for (const { bytes: size, ...block } of header.blocks) {
    if (!(size >= 0) || at + size > bytes.length) break
    blocks.push({ ...block, data: bytes.subarray(at, at + size) })
    at += size
  }
  return { process: header.process, end: header.end ?? null, blocks, cutBlocks: header.blocks.length - blocks.length }
}

function parseHeader(text: string): SpillHeader | undefined {
  try {
    const header = JSON.parse(text) as Partial<SpillHeader>
    if (!header.process || !Array.isArray(header.blocks)) return undefined
    return { process: header.process, end: header.end ?? null, blocks: header.blocks }
  } catch {
    return undefined
  }
}
