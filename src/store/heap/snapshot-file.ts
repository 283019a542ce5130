import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
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
    if (decompress === undefined) scanPlain(file, scanner)
    else await scanCompressed(file, decompress, scanner)
    const problem = scanner.finish()
    if (problem !== undefined) throw new Error(problem)
  } catch (error) {
    throw error instanceof SnapshotUnreadableError ? error : new SnapshotUnreadableError(`${file}: ${reasonOf(error)}.`, { cause: error })
  }
}

function scanPlain(file: string, scanner: SnapshotScanner): void {
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    for (;;) {
      const bytes = readSync(descriptor, buffer, 0, CHUNK_BYTES, null)
      if (bytes === 0) return
      scanner.feed(buffer.subarray(0, bytes))
    }
  } finally {
    closeSync(descriptor)
  }
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
  if (!file.endsWith('.zst')) return undefined
  const { createZstdDecompress } = zlib as unknown as { createZstdDecompress?: (options: object) => Transform }
  if (createZstdDecompress === undefined)
    throw new SnapshotUnreadableError(
      `${file} is compressed with zstd, which Node ${process.versions.node} does not read; use Node 22.15 or newer.`,
    )
  return createZstdDecompress(options)
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'Z_BUF_ERROR' || code === 'ERR__ERROR_FORMAT_PADDING_1' || /unexpected end/i.test(message)) return 'cut short'
  if (/^(?:Z_|ERR__ERROR|ZSTD|ERR_BROTLI|ERR_ZSTD)/.test(code ?? '')) return `damaged (${message})`
  return message
}
