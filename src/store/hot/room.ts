import fs from 'node:fs'
import path from 'node:path'
import { makeFolder } from '../../core/make-folder.ts'

// LMDB maps its files and trusts the disk. On a full one it dies by SIGBUS (a hole of lock.mdb is touched) or SIGSEGV (its first pages
// cannot be written), or prints to stderr; a data file that somebody truncates kills the process at the next read. Measured with
// lmdb-js 3.5 on a tmpfs. So room is taken, and the file looked at, by plain calls that only throw, before LMDB needs either.

/** Room that opening an environment may need, bytes. */
const OPEN_BYTES = 384 * 1024
/** Covers the tree pages of a commit, and always leaves room for the last entries of a process. */
const SLACK_BYTES = 128 * 1024
const GROW_BYTES = 128 * 1024
const BLOCK_BYTES = 4096
const LOCK_BYTES = 8192
/** Of a meta page: magic, last page in use, transaction (check.ts has the whole layout). */
const META = { magic: 24, lastPage: 144, txn: 152, bytes: 160 } as const
const MAGIC = 0xbeefc0de
/** Where lock.mdb holds the number of the last transaction. */
const LOCK_TXN_OFFSET = 8

/** `code` of a `DamagedEnvironmentError`. */
export const DAMAGED_CODE = 'PERF_ENVIRONMENT_DAMAGED'

/** The environment on disk is not the one that was written: missing, replaced, truncated or overwritten. */
export class DamagedEnvironmentError extends Error {
  readonly code = DAMAGED_CODE
}

/** Makes the folder of an environment, when there is room to open one in it. Throws what the disk says. */
export function takeRoomToOpen(folder: string): void {
  if (OPEN_BYTES > fileSizeLimit()) throw limitError()
  makeFolder(path.dirname(folder))
  const probe = `${folder}.room.tmp`
  try {
    fs.writeFileSync(probe, Buffer.alloc(OPEN_BYTES), { mode: 0o600 })
  } finally {
    fs.rmSync(probe, { force: true })
  }
  makeFolder(folder)
  const lock = path.join(folder, 'lock.mdb')
  if (!fs.existsSync(lock)) fs.writeFileSync(lock, Buffer.alloc(LOCK_BYTES), { mode: 0o600, flag: 'wx' })
}

/**
 * The files of an open environment. Their descriptors are kept: the environment lives as long as the process, and closing any descriptor
 * of lock.mdb would drop LMDB's own locks on it.
 */
export class DataFile {
  /** Number of the last committed transaction, as of the last `check`. */
  txn = 0n
  private readonly lockFd: number
  private readonly lockTxn = Buffer.alloc(8)
  private readonly file: string
  private readonly fd: number
  private readonly inode: number
  private readonly pageBytes: number
  /** The file is at least this long, and all of it is on the disk. */
  private size: number
  /** How long it was when it was looked at last. */
  private foundSize = 0
  private readonly meta: Buffer
  private lastPage = 0

  constructor(file: string, pageBytes: number) {
    this.file = file
    this.pageBytes = pageBytes
    this.meta = Buffer.alloc(pageBytes + META.bytes)
    this.fd = fs.openSync(file, 'r+')
    this.lockFd = fs.openSync(path.join(path.dirname(file), 'lock.mdb'), 'r+')
    const stat = fs.fstatSync(this.fd)
    this.inode = stat.ino
    this.size = stat.size
  }

  /** Throws `DamagedEnvironmentError` when the file was changed by somebody else since the last call. */
  check(): void {
    const there = fs.statSync(this.file, { throwIfNoEntry: false })
    if (there === undefined) throw new DamagedEnvironmentError('its data file was removed')
    if (there.ino !== this.inode) throw new DamagedEnvironmentError('its data file was replaced')
    if (there.size < this.size) throw new DamagedEnvironmentError('its data file was truncated')
    this.foundSize = there.size
    let newest = -1n
    // Both pages in one call: it is made twice per commit.
    fs.readSync(this.fd, this.meta, 0, this.meta.length, 0)
    for (const page of [0, this.pageBytes]) {
      if (this.meta.readUInt32LE(page + META.magic) !== MAGIC) throw new DamagedEnvironmentError('its data file was overwritten')
      const txn = this.meta.readBigUInt64LE(page + META.txn)
      if (txn > newest) {
        newest = txn
        this.lastPage = Number(this.meta.readBigUInt64LE(page + META.lastPage))
      }
    }
    this.txn = newest
    this.repairLock()
  }

  /**
   * Whoever opens an environment, to read it too, writes the last transaction it saw into lock.mdb (mdb_env_open2 of lmdb-js 3.5). When the
   * owner has committed in between, its next transaction would start from the one before: what is in between gets lost, pages in use are
   * overwritten. Seen within seconds, with three readers that open and close.
   */
  private repairLock(): void {
    fs.readSync(this.lockFd, this.lockTxn, 0, 8, LOCK_TXN_OFFSET)
    if (this.lockTxn.readBigUInt64LE(0) === this.txn) return
    this.lockTxn.writeBigUInt64LE(this.txn)
    fs.writeSync(this.lockFd, this.lockTxn, 0, 8, LOCK_TXN_OFFSET)
  }

  /** Checks, and takes room for `bytes` behind the last page in use. Throws what the disk says, or EFBIG at the process's file size limit. */
  takeRoom(bytes: number): void {
    this.check()
    const wanted = (this.lastPage + 1) * this.pageBytes + bytes + SLACK_BYTES
    if (wanted > fileSizeLimit()) throw limitError()
    const size = Math.max(this.size, this.foundSize)
    this.size = size
    if (wanted <= size) return
    const end = Math.min(fileSizeLimit(), wanted + GROW_BYTES)
    for (let at = Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES; at < end; at += BLOCK_BYTES) {
      fs.writeSync(this.fd, ZERO, 0, 1, at)
      this.size = at + 1
    }
  }
}

const ZERO = Buffer.alloc(1)

let limit: number | undefined

/** Largest file this process may write, bytes (`ulimit -f`): one byte more, and the kernel ends the process by SIGXFSZ. */
export function fileSizeLimit(): number {
  limit ??= readFileSizeLimit()
  return limit
}

function readFileSizeLimit(): number {
  try {
    const [, soft] = /^Max file size\s+(\S+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8')) ?? []
    const bytes = Number(soft)
    return Number.isFinite(bytes) ? bytes : Infinity
  } catch {
    return Infinity
  }
}

/** What the disk would say at the file size limit, without the signal. */
export function limitError(): Error {
  return Object.assign(new Error(`EFBIG: file too large, the limit of this process is ${fileSizeLimit()} bytes`), { code: 'EFBIG' })
}
