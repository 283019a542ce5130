import fs from 'node:fs'
import path from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { PerfError } from '../../errors.ts'

// A folder as it was: a list of everything in it and a copy of every file, from which it is put back exactly.

/** What was at a path. Times and inode tell cheaply whether a file may have changed. */
export interface TreeEntry {
  type: 'file' | 'link' | 'folder'
  mode: number
  size: number
  /** Inode, change and modification time as one text; empty for folders. */
  stamp: string
  /** Inode and birth: whether a path still leads to the same file. Empty for folders and links. */
  identity: string
  mtimeMs: number
  /** Of a symbolic link. */
  target?: string
}

/** What of a folder is left out, with everything below it. */
export interface Exclusion {
  /** Relative, with `/`. */
  paths: readonly string[]
  /** Of a git folder: what is no state of the working tree. */
  isGit?: boolean
}

/** A folder as it was. */
export interface TreeSnapshot {
  root: string
  /** Where the copies are, under their own paths. */
  copy: string
  /** The copy of a file. */
  copyOf(relative: string): string
  entries: Map<string, TreeEntry>
  /** What is neither copied nor put back. */
  excluded: Exclusion
}

/** Something that is not as it was. */
export interface TreeChange {
  path: string
  kind: 'added' | 'removed' | 'changed'
}

interface SnapshotOptions {
  excluded?: Exclusion
  /** More than this many bytes are not copied: throws `PerfError`. */
  mostBytes?: number
}

/** Copies a folder to `copy`, which must not exist. Throws `PerfError` when that cannot be done in full. */
export async function takeSnapshot(root: string, copy: string, options: SnapshotOptions = {}): Promise<TreeSnapshot> {
  const excluded = options.excluded ?? { paths: [] }
  const entries = listTree(root, excluded)
  const bytes = [...entries.values()].reduce((sum, { size }) => sum + size, 0)
  const mb = (value: number): number => Math.ceil(value / 2 ** 20)
  if (bytes > (options.mostBytes ?? Infinity))
    throw new PerfError('TOO_LARGE', `${root} holds ${mb(bytes)} MB, more than the ${mb(options.mostBytes ?? 0)} MB that are copied; leave folders out with --exclude, or allow more with --max-copy.`) // prettier-ignore
  await copyEntries((relative) => path.join(root, relative), copy, entries)
  return { root, copy, copyOf: (relative) => path.join(copy, relative), entries, excluded }
}

/** Makes `target` a copy of the snapshot in which links into the folder lead into the copy. */
export async function copySnapshot({ root, copyOf, entries }: TreeSnapshot, target: string): Promise<void> {
  await copyEntries(copyOf, target, entries, (link) =>
    path.isAbsolute(link) && isBelow(root, link) ? path.join(target, path.relative(root, link)) : link,
  )
}

async function copyEntries(
  from: (relative: string) => string,
  to: string,
  entries: ReadonlyMap<string, TreeEntry>,
  linkTo = (link: string): string => link,
): Promise<void> {
  fs.mkdirSync(to, { recursive: true, mode: 0o700 })
  let done = 0
  for (const [relative, entry] of entries) {
    const target = path.join(to, relative)
    try {
      if (entry.type === 'folder') fs.mkdirSync(target, { mode: 0o700 })
      else if (entry.type === 'link') fs.symlinkSync(linkTo(entry.target ?? ''), target)
      else {
        fs.copyFileSync(from(relative), target, fs.constants.COPYFILE_FICLONE)
        fs.chmodSync(target, entry.mode | 0o600)
      }
    } catch (error) {
      throw new PerfError('COPY_FAILED', `${from(relative)} cannot be copied (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}), so the folder could not be put back; leave it out with --exclude.`, 2, { cause: error }) // prettier-ignore
    }
    if (++done % 500 === 0) await breathe()
  }
}

/** Everything below `root` but sockets, pipes and devices; parents before what is in them. */
export function listTree(root: string, excluded: Exclusion): Map<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>()
  const visit = (folder: string): void => {
    for (const name of fs.readdirSync(path.join(root, folder)).sort()) {
      const relative = folder === '' ? name : `${folder}/${name}`
      if (isExcluded(excluded, relative)) continue
      if (name.includes('\uFFFD')) throw new PerfError('NAME_UNREADABLE', `${path.join(root, relative)} has a name that is no UTF-8, so it could not be put back; rename it, or leave its folder out with --exclude.`) // prettier-ignore
      const entry = entryAt(path.join(root, relative))
      if (entry === undefined) continue
      entries.set(relative, entry)
      if (entry.type === 'folder') visit(relative)
    }
  }
  visit('')
  return entries
}

/**
 * Git only ever adds objects (its own, and those of submodules; a branch may be called like them); what belongs to other working trees or to a running
 * process is nobody's state here.
 */
const NOT_GIT_STATE = /^objects$|^modules\/(?!.*\/(refs|logs)\/).*\/objects$|^(worktrees|lfs|annex|gc\.pid|fsmonitor--daemon.*)$|\.lock$/

/** Whether a path is left out. */
export const isExcluded = ({ paths, isGit }: Exclusion, relative: string): boolean =>
  paths.includes(relative) || (isGit === true && NOT_GIT_STATE.test(relative))

/** What is at a path; undefined for nothing, a socket, a pipe or a device. */
export function entryAt(file: string): TreeEntry | undefined {
  const stat = fs.lstatSync(file, { bigint: true, throwIfNoEntry: false })
  if (stat === undefined) return undefined
  const base = { mode: Number(stat.mode & 0o7777n), mtimeMs: Number(stat.mtimeMs) }
  if (stat.isDirectory()) return { ...base, type: 'folder', size: 0, stamp: '', identity: '' }
  if (stat.isSymbolicLink()) return { ...base, type: 'link', size: 0, stamp: '', identity: '', target: fs.readlinkSync(file) }
  if (!stat.isFile()) return undefined
  const identity = `${stat.ino} ${stat.birthtimeNs}`
  return { ...base, type: 'file', size: Number(stat.size), stamp: `${stat.ino} ${stat.ctimeNs} ${stat.mtimeNs}`, identity }
}

/** The folder as it is now, told by what has changed since `before`: only that is copied. */
export function overlaySnapshot(before: TreeSnapshot, changes: readonly TreeChange[], copy: string): TreeSnapshot {
  const entries = listTree(before.root, before.excluded)
  const own = new Set<string>()
  for (const { path: relative } of changes) {
    if (entries.get(relative)?.type !== 'file') continue
    const target = path.join(copy, relative)
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 })
    fs.copyFileSync(path.join(before.root, relative), target)
    fs.chmodSync(target, 0o600)
    own.add(relative)
  }
  return { ...before, entries, copyOf: (relative) => (own.has(relative) ? path.join(copy, relative) : before.copyOf(relative)) }
}

/** What is not as it was: contents, kinds, permissions, links; sorted by path. */
export function changesSince(snapshot: TreeSnapshot, now = listTree(snapshot.root, snapshot.excluded)): TreeChange[] {
  const changes: TreeChange[] = []
  for (const [relative, entry] of snapshot.entries) {
    const current = now.get(relative)
    if (current === undefined) changes.push({ path: relative, kind: 'removed' })
    else if (!isSame(snapshot, relative, entry, current)) changes.push({ path: relative, kind: 'changed' })
  }
  for (const relative of now.keys()) if (!snapshot.entries.has(relative)) changes.push({ path: relative, kind: 'added' })
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function isSame({ root, copyOf }: TreeSnapshot, relative: string, was: TreeEntry, is: TreeEntry): boolean {
  if (was.type !== is.type || was.target !== is.target) return false
  if (was.type !== 'link' && was.mode !== is.mode) return false
  if (was.type !== 'file' || (was.stamp === is.stamp && was.size === is.size)) return true
  return was.size === is.size && fs.readFileSync(path.join(root, relative)).equals(fs.readFileSync(copyOf(relative)))
}

/** Whether `file` is `folder` or in it. */
export function isBelow(folder: string, file: string): boolean {
  const relative = path.relative(folder, file)
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative))
}
