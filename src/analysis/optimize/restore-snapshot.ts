import fs from 'node:fs'
import path from 'node:path'
import { PerfError } from '../../errors.ts'
import { changesSince, entryAt, isExcluded, listTree, type TreeChange, type TreeEntry, type TreeSnapshot } from './tree-snapshot.ts'

/** Puts the folder back as it was, where `only` allows, and looks again. Throws `PerfError` naming the copy when it is not as it was afterwards. */
export function restoreSnapshot(snapshot: TreeSnapshot, only: (change: TreeChange) => boolean = () => true): TreeChange[] {
  const now = listTree(snapshot.root, snapshot.excluded)
  const changes = changesSince(snapshot, now).filter(only)
  // What is there, and not what a link in the place of a folder above leads to.
  const isOther = (at: string): boolean => now.has(at) && now.get(at)?.type !== snapshot.entries.get(at)?.type
  const touched = new Set<string>()
  try {
    // Deepest first, so that folders are empty when their turn comes.
    for (const { path: relative } of changes.filter(({ path: at }) => isOther(at)).toReversed()) remove(snapshot, relative, touched)
    for (const { path: relative, kind } of changes) if (kind !== 'added') putBack(snapshot, relative, touched)
    for (const folder of [...touched].toReversed()) setMode(snapshot, folder)
  } catch (error) {
    throw new PerfError('RESTORE_FAILED', `${snapshot.root} could not be put back (${error instanceof Error ? error.message : String(error)}); its files as they were are in ${snapshot.copy}.`, 2, { cause: error }) // prettier-ignore
  }
  const left = changesSince(snapshot).filter((change) => only(change) && !holdsExcluded(snapshot, change))
  if (left.length > 0)
    throw new PerfError('RESTORE_FAILED', `${left.length} files of ${snapshot.root} could not be put back (${left[0]?.path ?? ''}); the files as they were are in ${snapshot.copy}.`) // prettier-ignore
  return changes
}

/** A new folder stays for what is left out in it; anything else in it would be listed by itself. */
function holdsExcluded({ root }: TreeSnapshot, { path: relative, kind }: TreeChange): boolean {
  const file = path.join(root, relative)
  return kind === 'added' && fs.lstatSync(file).isDirectory() && fs.readdirSync(file).length > 0
}

function remove(snapshot: TreeSnapshot, relative: string, touched: Set<string>): void {
  openFolder(snapshot, path.dirname(relative), touched)
  const file = path.join(snapshot.root, relative)
  if (fs.lstatSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    fs.chmodSync(file, 0o700)
    // What is left in it is a socket or the like, of nobody that still runs, or is left out: then the folder stays.
    for (const name of fs.readdirSync(file))
      if (!isExcluded(snapshot.excluded, `${relative}/${name}`) && entryAt(path.join(file, name)) === undefined)
        fs.rmSync(path.join(file, name))
    if (fs.readdirSync(file).length === 0) fs.rmdirSync(file)
  } else fs.rmSync(file, { force: true })
}

function putBack(snapshot: TreeSnapshot, relative: string, touched: Set<string>): void {
  const entry = snapshot.entries.get(relative)
  if (entry === undefined) return
  const file = path.join(snapshot.root, relative)
  if (entry.type === 'folder' && entryAt(file)?.type === 'folder') {
    touched.add(relative)
    return
  }
  if (entry.type === 'file' && isOwnFile(file, entry)) {
    // In place: other names of the same file (hard links) get their contents back, too.
    fs.chmodSync(file, entry.mode | 0o600)
    fs.writeFileSync(file, fs.readFileSync(snapshot.copyOf(relative)))
  } else {
    openFolder(snapshot, path.dirname(relative), touched)
    fs.rmSync(file, { force: true })
    if (entry.type === 'folder') {
      fs.mkdirSync(file, { mode: 0o700 })
      touched.add(relative)
    } else if (entry.type === 'link') fs.symlinkSync(entry.target ?? '', file)
    else fs.copyFileSync(snapshot.copyOf(relative), file)
  }
  if (entry.type !== 'file') return
  fs.chmodSync(file, entry.mode)
  fs.utimesSync(file, new Date(), new Date(entry.mtimeMs))
}

/** Whether nothing but this file is changed by writing to it: a name may have become one of a file elsewhere, as of a package manager's store. */
function isOwnFile(file: string, { identity }: TreeEntry): boolean {
  const is = entryAt(file)
  return is?.type === 'file' && (is.identity === identity || fs.lstatSync(file).nlink === 1)
}

/** A folder something is changed in must be writable meanwhile. */
function openFolder(snapshot: TreeSnapshot, relative: string, touched: Set<string>): void {
  if (relative === '.' || touched.has(relative)) return
  const mode = entryAt(path.join(snapshot.root, relative))?.mode
  if (mode !== undefined && (mode & 0o700) !== 0o700) fs.chmodSync(path.join(snapshot.root, relative), mode | 0o700)
  touched.add(relative)
}

function setMode({ root, entries }: TreeSnapshot, relative: string): void {
  const entry = entries.get(relative)
  if (entry?.type === 'folder') fs.chmodSync(path.join(root, relative), entry.mode)
}
