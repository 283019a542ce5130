import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { isDecompressible } from './lz4-check.ts'

// LMDB maps the file and trusts it: a truncated file kills the reading process by SIGBUS, a wrong page number by SIGSEGV or an
// assertion. This walks the tree with plain reads first. Layout: lmdb.h and mdb.c of the LMDB that lmdb-js 3.5 bundles (data version 2).
//
//   page  0 u64 page number · 8 u64 txn · 16 u16 pad · 18 u16 flags · 20 u16 lower · 22 u16 upper (u32 pages when overflow) · 24 u16 node offsets …
//         lower, upper and node offsets count from byte 24 (PAGEBASE)
//   meta  24 u32 magic · 28 u32 version · 40 u64 map size · 48 free tree (u32 page size, …) · 96 main tree · 144 u64 last page · 152 u64 txn
//   tree  0 u32 pad · 4 u16 flags · 6 u16 depth · 8 u64 branch · 16 u64 leaf · 24 u64 overflow · 32 u64 entries · 40 u64 root
//   node  0 u16 low · 2 u16 high · 4 u16 flags · 6 u16 key bytes · 8 key · data (size, or child page = low | high << 16 | flags << 32)

const MAGIC = 0xbeefc0de
const META = { magic: 24, version: 28, pageSize: 48, depth: 96 + 6, root: 96 + 40, lastPage: 144, txn: 152 } as const
const PAGE_HEADER_BYTES = 24
const PageFlag = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 } as const
const NODE_BIG_DATA = 0x01
const NO_PAGE = 0xffff_ffff_ffff_ffffn

interface Meta {
  pageSize: number
  depth: number
  root: bigint
  lastPage: number
  txn: bigint
}

/** What is wrong with an LMDB data file. */
export interface FileCheck {
  /** Why it must not be opened. */
  problem: string | undefined
  /** Keys (hex of their bytes) whose values cannot be decompressed: must not be read. */
  damagedKeys: Set<string>
}

/** Checks a data file before LMDB maps it. `deep` walks every page; leave it out for one that is being written. */
export function checkDataFile(file: string, deep: boolean): FileCheck {
  const damagedKeys = new Set<string>()
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    return { problem: `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, damagedKeys }
  }
  try {
    return { problem: findProblem(fd, deep, damagedKeys), damagedKeys }
  } finally {
    closeSync(fd)
  }
}

function findProblem(fd: number, deep: boolean, damagedKeys: Set<string>): string | undefined {
  const size = fstatSync(fd).size
  if (size === 0) return 'the file is empty'
  const meta = newestMeta(fd)
  if (typeof meta === 'string') return meta
  const expected = (meta.lastPage + 1) * meta.pageSize
  if (size < expected) return `truncated: ${size} bytes of ${expected}`
  return deep ? walk(fd, meta, damagedKeys) : undefined
}

function newestMeta(fd: number): Meta | string {
  const first = readMeta(fd, 0)
  // The second meta page lies one page further; without the first its size is found by trying.
  const second = first
    ? readMeta(fd, first.pageSize)
    : ([4096, 8192, 16_384, 65_536].map((at) => readMeta(fd, at)).find((meta) => meta) ?? undefined)
  if (!first || !second) return 'a meta page is damaged'
  return second.txn > first.txn ? second : first
}

function readMeta(fd: number, at: number): Meta | undefined {
  const page = Buffer.alloc(256)
  if (readSync(fd, page, 0, 256, at) < 256) return undefined
  const pageSize = page.readUInt32LE(META.pageSize)
  const isPower = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0
  if (
    page.readUInt32LE(META.magic) !== MAGIC ||
    page.readUInt32LE(META.version) !== 2 ||
    !isPower ||
    (page.readUInt16LE(18) & PageFlag.meta) === 0
  ) {
    return undefined
  }
  const lastPage = page.readBigUInt64LE(META.lastPage)
  if (lastPage > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  return {
    pageSize,
    depth: page.readUInt16LE(META.depth),
    root: page.readBigUInt64LE(META.root),
    lastPage: Number(lastPage),
    txn: page.readBigUInt64LE(META.txn),
  }
}

function walk(fd: number, meta: Meta, damagedKeys: Set<string>): string | undefined {
  if (meta.root === NO_PAGE) return undefined
  const seen = new Set<number>()
  const stack: { page: bigint; depth: number }[] = [{ page: meta.root, depth: 1 }]
  const page = Buffer.alloc(meta.pageSize)
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const depth = next.depth
    const number = Number(next.page)
    if (next.page > BigInt(meta.lastPage) || number < 2) return `page ${next.page} is outside the file`
    if (seen.has(number)) return `page ${number} is used twice`
    if (depth > meta.depth) return 'the tree is deeper than it says'
    seen.add(number)
    if (readSync(fd, page, 0, meta.pageSize, number * meta.pageSize) < meta.pageSize) return `page ${number} is cut`
    const isLeaf = depth === meta.depth
    const nodes = readNodes(page, number, isLeaf ? PageFlag.leaf : PageFlag.branch, meta)
    if (nodes === undefined) return `page ${number} is damaged`
    for (const node of nodes) {
      if (!isLeaf) stack.push({ page: BigInt(node.low) | (BigInt(node.flags) << 32n), depth: depth + 1 })
      else if (!checkValue(fd, page, node, meta, damagedKeys)) return `page ${number} is damaged`
    }
  }
  return undefined
}

interface Node {
  key: number
  data: number
  low: number
  flags: number
}

/** The nodes of a page; `undefined` when one of them lies outside. */
function readNodes(page: Buffer, number: number, expected: number, meta: Meta): Node[] | undefined {
  if (page.readBigUInt64LE(0) !== BigInt(number) || (page.readUInt16LE(18) & 0x0f) !== expected) return undefined
  const lower = page.readUInt16LE(20) + PAGE_HEADER_BYTES
  const upper = page.readUInt16LE(22) + PAGE_HEADER_BYTES
  if (lower > upper || upper > meta.pageSize) return undefined
  const nodes: Node[] = []
  for (let slot = PAGE_HEADER_BYTES; slot < lower; slot += 2) {
    const at = page.readUInt16LE(slot) + PAGE_HEADER_BYTES
    if (at < upper || at + 8 > meta.pageSize) return undefined
    const data = at + 8 + page.readUInt16LE(at + 6)
    if (data > meta.pageSize) return undefined
    const low = (page.readUInt16LE(at) | (page.readUInt16LE(at + 2) << 16)) >>> 0
    nodes.push({ key: at + 8, data, low, flags: page.readUInt16LE(at + 4) })
  }
  return nodes
}

/** False when the value lies outside the file; a value that is there and cannot be decompressed is noted. */
function checkValue(fd: number, page: Buffer, node: Node, meta: Meta, damagedKeys: Set<string>): boolean {
  let value: Buffer | undefined
  if ((node.flags & NODE_BIG_DATA) === 0) {
    if (node.data + node.low > meta.pageSize) return false
    value = page.subarray(node.data, node.data + node.low)
  } else {
    if (node.data + 8 > meta.pageSize) return false
    value = readOverflow(fd, page.readBigUInt64LE(node.data), node.low, meta)
    if (value === undefined) return false
  }
  if (!isDecompressible(value)) damagedKeys.add(page.toString('hex', node.key, node.data))
  return true
}

function readOverflow(fd: number, first: bigint, bytes: number, meta: Meta): Buffer | undefined {
  const pages = Math.ceil((bytes + PAGE_HEADER_BYTES) / meta.pageSize)
  if (first < 2n || first + BigInt(pages) - 1n > BigInt(meta.lastPage)) return undefined
  const buffer = Buffer.allocUnsafe(PAGE_HEADER_BYTES + bytes)
  if (readSync(fd, buffer, 0, buffer.length, Number(first) * meta.pageSize) < buffer.length) return undefined
  const isSound =
    buffer.readBigUInt64LE(0) === first && (buffer.readUInt16LE(18) & PageFlag.overflow) !== 0 && buffer.readUInt32LE(20) >= pages
  return isSound ? buffer.subarray(PAGE_HEADER_BYTES) : undefined
}
