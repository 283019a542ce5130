import { readFileSync } from 'node:fs'
import zlib from 'node:zlib'
import { decompress } from 'fzstd'

/** Content of a `.zst` or `.gz` file, on every Node. Throws when it cannot be read or is cut short. */
export function readCompressedFile(file: string): Buffer {
  const bytes = readFileSync(file)
  if (!file.endsWith('.zst')) return zlib.gunzipSync(bytes)
  const { zstdDecompressSync } = zlib as Partial<{ zstdDecompressSync(content: Buffer): Buffer }>
  return zstdDecompressSync === undefined ? Buffer.from(decompress(bytes)) : zstdDecompressSync(bytes)
}
