import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import { PerfError } from '../../errors.ts'
import { sessionSnapshots } from '../heap/session-snapshots.ts'
import type { Session } from '../session.ts'
import { syncFile } from './write-archive.ts'

type Zstd = Partial<{ createZstdCompress(): Transform; createZstdDecompress(): Transform }>

/** Compresses the session's plain heap snapshots (zstd where Node can, else gzip); a file is replaced only after it was read back. */
export async function compressSnapshots(session: Session): Promise<void> {
  for (const { file } of sessionSnapshots(session)) if (file.endsWith('.heapsnapshot')) await compressFile(file)
}

async function compressFile(file: string): Promise<void> {
  const { createZstdCompress, createZstdDecompress } = zlib as Zstd
  const compress = createZstdCompress?.() ?? zlib.createGzip()
  const target = `${file}${createZstdCompress === undefined ? '.gz' : '.zst'}`
  const temporary = `${target}.${process.pid}.tmp`
  const before = statSync(file)
  const written = createHash('sha256')
  try {
    await pipeline(createReadStream(file), tee(written), compress, createWriteStream(temporary, { mode: 0o600 }))
    const read = createHash('sha256')
    await pipeline(createReadStream(temporary), createZstdDecompress?.() ?? zlib.createGunzip(), read)
    if (read.digest('hex') !== written.digest('hex'))
      throw new PerfError('ARCHIVE_NOT_VERIFIED', `Not archived: ${file} was compressed to something else; it is as it was.`, 1)
    utimesSync(temporary, before.atime, before.mtime)
    syncFile(temporary)
    renameSync(temporary, target)
    rmSync(file)
  } finally {
    rmSync(temporary, { force: true })
  }
}

function tee(hash: Hash): (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (chunks) {
    for await (const chunk of chunks) {
      hash.update(chunk)
      yield chunk
    }
  }
}
