import fs from 'node:fs'
import path from 'node:path'
import { PerfError } from '../../errors.ts'
import { restoreSnapshot } from './restore-snapshot.ts'
import { isExcluded, takeSnapshot, type Exclusion, type TreeSnapshot } from './tree-snapshot.ts'

// What git knows of a working tree besides its files: HEAD, index, branches, stashes, their logs, what is under way. Read and put back as
// files, so that git need not run (and its hooks do not).

/** The repository a folder is in. */
export interface Repository {
  /** Folder of the working tree. */
  root: string
  /** Its own git folder. */
  gitFolder: string
  /** The one it shares with other working trees of the repository; the same where it is the first. */
  commonFolder: string
}

/** The repository around `folder`; undefined where there is none. */
export function findRepository(folder: string): Repository | undefined {
  for (let root = fs.realpathSync(folder); ; root = path.dirname(root)) {
    const git = path.join(root, '.git')
    const stat = fs.statSync(git, { throwIfNoEntry: false })
    if (stat?.isDirectory() === true && fs.existsSync(path.join(git, 'HEAD'))) return { root, gitFolder: git, commonFolder: git }
    if (stat?.isFile() === true) {
      const gitFolder = path.resolve(root, fs.readFileSync(git, 'utf8').replace('gitdir: ', '').trim())
      const common = path.join(gitFolder, 'commondir')
      const commonFolder = fs.existsSync(common) ? path.resolve(gitFolder, fs.readFileSync(common, 'utf8').trim()) : gitFolder
      return { root, gitFolder, commonFolder }
    }
    if (path.dirname(root) === root) return undefined
  }
}

/** Other repositories in folders below `root` that are not left out; those whose git folder lies elsewhere (submodules, linked working trees) are no part of this. */
export function repositoriesBelow(root: string, excluded: Exclusion): Repository[] {
  const found: Repository[] = []
  const visit = (folder: string): void => {
    for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const relative = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (!entry.isDirectory() || isExcluded(excluded, relative)) continue
      const gitFolder = path.join(root, relative)
      if (entry.name !== '.git') visit(relative)
      else if (fs.existsSync(path.join(gitFolder, 'HEAD')))
        found.push({ root: path.dirname(gitFolder), gitFolder, commonFolder: gitFolder })
    }
  }
  visit('')
  return found
}

/**
 * A git folder as it was, and what of it is put back: everything, what is not shared with other working trees, only a branch and its log, or what
 * is missing (of objects: none is ever taken away).
 */
export interface GitState {
  snapshot: TreeSnapshot
  scope: 'all' | 'own' | 'branch' | 'missing'
  /** The branch that was checked out, `refs/heads/main`. */
  branch: string | null
}

interface GitStateOptions {
  /** Copies the objects, too: a repository within the project may be deleted like any folder. */
  withObjects?: boolean
  /** More than this many bytes of objects are not copied: throws `PerfError`. */
  mostBytes?: number
}

/** Copies git's state below `copy`. Throws `PerfError` while another git command holds the index. */
export async function takeGitState(repository: Repository, copy: string, options: GitStateOptions = {}): Promise<GitState[]> {
  const [gitFolder, commonFolder] = [fs.realpathSync(repository.gitFolder), fs.realpathSync(repository.commonFolder)]
  if (fs.existsSync(path.join(gitFolder, 'index.lock')))
    throw new PerfError(
      'GIT_BUSY',
      `A git command is running in this repository (${path.join(gitFolder, 'index.lock')} exists); try again when it is over.`,
    )
  const head = fs.readFileSync(path.join(gitFolder, 'HEAD'), 'utf8').trim()
  const branch = head.startsWith('ref: ') ? head.slice(5) : null
  const excluded = { paths: [], isGit: true }
  const snapshot = await takeSnapshot(gitFolder, path.join(copy, 'own'), { excluded })
  if (gitFolder === commonFolder) {
    const others = path.join(commonFolder, 'worktrees')
    const isAlone = !fs.existsSync(others) || fs.readdirSync(others).length === 0
    const states: GitState[] = [{ snapshot, scope: isAlone ? 'all' : 'own', branch }]
    if (options.withObjects === true) states.push({ ...(await copyObjects(gitFolder, copy, options)), scope: 'missing', branch: null })
    return states
  }
  const common = await takeSnapshot(commonFolder, path.join(copy, 'common'), { excluded })
  return [{ snapshot, scope: 'all', branch }, { snapshot: common, scope: 'branch', branch }] // prettier-ignore
}

async function copyObjects(gitFolder: string, copy: string, { mostBytes }: GitStateOptions): Promise<{ snapshot: TreeSnapshot }> {
  const root = path.join(gitFolder, 'objects')
  return { snapshot: await takeSnapshot(root, path.join(copy, 'objects'), mostBytes === undefined ? {} : { mostBytes }) }
}

/**
 * Puts git's state back; objects that were added stay, without a name. Nothing of the command runs any more: a lock is what it left behind. Every
 * folder is tried; throws `PerfError` of the first that could not be put back.
 */
export function restoreGitState(states: readonly GitState[]): void {
  const failures: unknown[] = []
  for (const state of states) {
    try {
      restoreOne(state)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

function restoreOne({ snapshot, scope, branch }: GitState): void {
  makeOwnFolder(snapshot)
  const locks = scope === 'all' || scope === 'own' ? ['index.lock', 'HEAD.lock'] : []
  for (const lock of [...locks, ...(branch === null ? [] : [`${branch}.lock`])]) fs.rmSync(path.join(snapshot.root, lock), { force: true })
  const isBranch = (relative: string): boolean => branch !== null && (relative === branch || relative === `logs/${branch}`)
  // Other working trees share refs, their logs and the configuration: what changes there may be their work.
  const isShared = (relative: string): boolean => /^(refs|logs\/refs)\/|^(packed-refs|config|reftable)/.test(relative)
  restoreSnapshot(snapshot, ({ path: relative, kind }) => {
    if (scope === 'missing') return kind !== 'added'
    return scope === 'all' || isBranch(relative) || (scope === 'own' && !isShared(relative))
  })
}

/** The folder may have been deleted; what a link in its place, or above it, leads to is somebody else's. */
function makeOwnFolder({ root, copy }: TreeSnapshot): void {
  let there = root
  while (!isThere(there)) there = path.dirname(there)
  if (!fs.lstatSync(there).isDirectory() || fs.realpathSync(there) !== there)
    throw new PerfError('RESTORE_FAILED', `${root} could not be put back, because ${there} is another file or folder now; its files as they were are in ${copy}.`) // prettier-ignore
  fs.mkdirSync(root, { recursive: true })
}

function isThere(file: string): boolean {
  try {
    fs.lstatSync(file)
    return true
  } catch {
    return false
  }
}
