import type { Block, EndMark, ProcessMeta } from './block.ts'

/**
 * A spill file: what a thread wrote at exit without the writer thread, in one or more segments.
 * ```
 * 0           8                12               12 + header bytes                        next segment
 *  "PERFSPL1"  u32 header bytes  header JSON      data of block 0 · data of block 1 · …   "PERFSPL1" …
 * ```
 */
export const SPILL_MAGIC = 'PERFSPL1'
export const SPILL_PREFIX_BYTES = 12

/** A block in the header of a segment: everything but its data, whose length is `bytes`. */
export type SpillBlock = Omit<Block, 'data'> & { bytes: number }

/** The JSON header of a segment. */
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

/** Reads the bytes of a spill file; `undefined` when they are not one or its first header is cut. */
export function decodeSpill(file: Uint8Array): Spill | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  let spill: Spill | undefined
  for (let at = 0; at < bytes.length;) {
    const header = headerAt(bytes, at)
    if (header === undefined) return spill === undefined ? undefined : { ...spill, cutBlocks: spill.cutBlocks + 1 }
    spill ??= { process: header.process, end: null, blocks: [], cutBlocks: 0 }
    spill.end = header.end ?? spill.end
    at += SPILL_PREFIX_BYTES + bytes.readUInt32LE(at + 8)
    for (const [index, { bytes: size, ...block }] of header.blocks.entries()) {
      if (!(size >= 0) || at + size > bytes.length) return { ...spill, cutBlocks: header.blocks.length - index }
      spill.blocks.push({ ...block, data: bytes.subarray(at, at + size) })
      at += size
    }
  }
  return spill
}

/** The header of the segment at `at`; undefined when there is none, or not all of it. */
function headerAt(bytes: Buffer, at: number): SpillHeader | undefined {
  const dataAt = at + SPILL_PREFIX_BYTES
  if (dataAt > bytes.length || bytes.toString('latin1', at, at + 8) !== SPILL_MAGIC) return undefined
  const end = dataAt + bytes.readUInt32LE(at + 8)
  return end > bytes.length ? undefined : parseHeader(bytes.toString('utf8', dataAt, end))
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
