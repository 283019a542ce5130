import { closeSync, createReadStream, openSync, readSync, writeSync } from 'node:fs'
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { Decompress } from 'fzstd'
import { SnapshotUnreadableError } from '../../errors.ts'
import { SnapshotScanner, type SnapshotVisitor } from './snapshot-scanner.ts'

const CHUNK_BYTES = 1 << 20

/** Endings of heap snapshots that can be read, the longest first. */
export const SNAPSHOT_ENDINGS = ['.heapsnapshot.zst', '.heapsnapshot.br', '.heapsnapshot.gz', '.heapsnapshot'] as const

/**
 * Scans a heap snapshot file, plain or compressed by its ending, without ever holding it as a whole.
 * Throws `SnapshotUnreadableError` with the reason for a file that is damaged, cut short or something else.
 */
export async function scanSnapshotFile(file: string, visitor: SnapshotVisitor): Promise<void> {
  const scanner = new SnapshotScanner(visitor)
  try {
    const decompress = decompressorOf(file)
    if (decompress !== undefined) await scanCompressed(file, decompress, scanner)
    else if (file.endsWith('.zst'))
      readChunks(
        file,
        zstdInto((chunk) => scanner.feed(chunk)),
      )
    else readChunks(file, (chunk) => scanner.feed(chunk))
    const problem = scanner.finish()
    if (problem !== undefined) throw new Error(problem)
  } catch (error) {
    throw error instanceof SnapshotUnreadableError ? error : new SnapshotUnreadableError(`${file}: ${reasonOf(error)}.`, { cause: error })
  }
}

/** Writes a snapshot or heap profile without its compression, for Chrome's developer tools; mode 0600. Throws `SnapshotUnreadableError`. */
export async function writeDecompressed(file: string, target: string): Promise<void> {
  const output = openSync(target, 'w', 0o600)
  try {
    const decompress = decompressorOf(file)
    const write = (chunk: Uint8Array): void => void writeSync(output, chunk)
    if (decompress !== undefined)
      for await (const chunk of createReadStream(file).on('error', (error) => decompress.destroy(error)).pipe(decompress)) write(chunk as Buffer) // prettier-ignore
    else if (file.endsWith('.zst')) readChunks(file, zstdInto(write))
    else readChunks(file, write)
  } catch (error) {
    throw new SnapshotUnreadableError(`${file}: ${reasonOf(error)}.`, { cause: error })
  } finally {
    closeSync(output)
  }
}

function readChunks(file: string, take: (chunk: Buffer) => void): void {
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    for (;;) {
      const bytes = readSync(descriptor, buffer, 0, CHUNK_BYTES, null)
      if (bytes === 0) return
      take(buffer.subarray(0, bytes))
    }
  } finally {
    closeSync(descriptor)
  }
}

/** For a Node without zstd (before 22.15). It never says that the end is missing: the scanner does. */
function zstdInto(take: (chunk: Buffer) => void): (chunk: Buffer) => void {
  const decompress = new Decompress((chunk) => take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)))
  // It keeps what it was given for later.
  return (chunk) => decompress.push(new Uint8Array(chunk))
}

async function scanCompressed(file: string, decompress: Transform, scanner: SnapshotScanner): Promise<void> {
  const source = createReadStream(file, { highWaterMark: 1 << 18 })
  source.on('error', (error) => decompress.destroy(error))
  source.pipe(decompress)
  for await (const chunk of decompress as AsyncIterable<Buffer>) scanner.feed(chunk)
}

function decompressorOf(file: string): Transform | undefined {
  const options = { chunkSize: CHUNK_BYTES }
  if (file.endsWith('.gz')) return zlib.createGunzip(options)
  if (file.endsWith('.br')) return zlib.createBrotliDecompress(options)
  const { createZstdDecompress } = zlib as unknown as { createZstdDecompress?: (options: object) => Transform }
  return file.endsWith('.zst') ? createZstdDecompress?.(options) : undefined
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'Z_BUF_ERROR' || code === 'ERR__ERROR_FORMAT_PADDING_1' || /unexpected end/i.test(message)) return 'cut short'
  if (/^(?:Z_|ERR__ERROR|ZSTD|ERR_BROTLI|ERR_ZSTD)|zstd/i.test(`${code} ${message}`)) return `damaged (${message})`
  return message
}
