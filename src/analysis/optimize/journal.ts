import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FolderNotWritableError, PerfError } from '../../errors.ts'
import { isAlive, processStartTime } from '../../store/process-identity.ts'
import { restoreGitState, type GitState } from './git-state.ts'
import { keepChanged } from './rejected.ts'
import { restoreSnapshot } from './restore-snapshot.ts'
import { type TreeEntry, type TreeSnapshot } from './tree-snapshot.ts'

// `<PERF_DIR>/optimize.json`: which working tree is being changed and where its copy is, so that a killed run can be put right.

interface Journal {
  format: 1
  pid: number
  startTime: string | null
  id: string
  root: string
  /** Folder of the copies; the lists of what was there are in its `lists.json`. */
  workspace: string
}

type SavedSnapshot = Omit<TreeSnapshot, 'entries' | 'copyOf'> & { entries: [string, TreeEntry][] }

/** Notes that a working tree is going to be changed. Throws `PerfError` while another run changes one, or was killed before it had put it back. */
export function beginJournal(dir: string, id: string, workspace: string, tree: TreeSnapshot, git: readonly GitState[]): void {
  const lists = { tree: saved(tree), git: git.map(({ snapshot, ...scope }) => ({ ...scope, snapshot: saved(snapshot) })) }
  const journal: Journal = { format: 1, pid: process.pid, startTime: processStartTime(process.pid) ?? null, id, root: tree.root, workspace }
  const file = path.join(dir, 'optimize.json')
  const unfinished = `${file}.${process.pid}.tmp`
  try {
    fs.writeFileSync(path.join(workspace, 'lists.json'), JSON.stringify(lists), { mode: 0o600 })
    fs.writeFileSync(unfinished, JSON.stringify(journal), { mode: 0o600 })
    // A link, unlike a renaming, does not replace the journal of another run.
    fs.linkSync(unfinished, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') assertNothingPending(dir)
    throw new FolderNotWritableError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`, {
      cause: error,
    })
  } finally {
    fs.rmSync(unfinished, { force: true })
  }
}

/** The working tree is as it should be. */
export function endJournal(dir: string): void {
  fs.rmSync(path.join(dir, 'optimize.json'), { force: true })
}

/** Throws `PerfError` while another run changes a working tree, or when one was killed before it had put it back. */
export function assertNothingPending(dir: string): void {
  const journal = readJournal(dir)
  if (journal === undefined) return
  if (isHeld(journal))
    throw new PerfError(
      'OPTIMIZE_RUNNING',
      `Process ${journal.pid} is optimizing ${journal.id} in ${journal.root}; wait for it, or end it.`,
    )
  throw new PerfError('OPTIMIZE_PENDING', `An optimize of ${journal.id} was killed in ${journal.root}: 'perf-agent optimize --restore' puts its files back as they were before, 'perf-agent optimize --discard' keeps them as they are.`) // prettier-ignore
}

/** What notes in the folder of the copies which process changes the working tree: it outlives a killed run. */
export function noteRunning(workspace: string): (pid: number) => void {
  return (pid) =>
    fs.writeFileSync(runningFile(workspace), JSON.stringify({ pid, startTime: processStartTime(pid) ?? null }), { mode: 0o600 })
}

/** What `settlePending` did. */
interface Settled {
  root: string
  /** How many were put back. */
  files: number
  /** Where those are that were changed; null where there are none. */
  changed_files: string | null
}

/** Puts back (or with `discard` leaves as it is) what a killed run had changed, after ending what it left running. Throws `PerfError` when there is none. */
export async function settlePending(dir: string, discard: boolean): Promise<Settled> {
  const journal = readJournal(dir)
  if (journal === undefined) throw new PerfError('NOTHING_PENDING', 'No optimize was killed here; there is nothing to put back.')
  if (isHeld(journal)) assertNothingPending(dir)
  await endRunning(journal)
  const settled: Settled = { root: journal.root, files: 0, changed_files: null }
  if (!discard) {
    const lists = readLists(journal)
    const tree = loaded(lists.tree)
    settled.changed_files = keepChanged(dir, journal.id, tree)
    try {
      settled.files = restoreSnapshot(tree).length
    } finally {
      restoreGitState(lists.git.map((state) => ({ ...state, snapshot: loaded(state.snapshot) })))
    }
  }
  fs.rmSync(journal.workspace, { recursive: true, force: true })
  endJournal(dir)
  return settled
}

const runningFile = (workspace: string): string => path.join(workspace, 'running.json')

/** Ends the command of a killed run with its group. Throws `PerfError` where it goes on. */
async function endRunning({ workspace }: Journal): Promise<void> {
  let running: Pick<Journal, 'pid' | 'startTime'>
  try {
    running = JSON.parse(fs.readFileSync(runningFile(workspace), 'utf8')) as typeof running
  } catch {
    return
  }
  if (!isHeld(running)) return
  const { pid } = running
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM')
      throw new PerfError('OPTIMIZE_RUNNING', `Process ${pid}, the command of the optimize that was killed, still runs; end it first.`)
  }
  // Nothing survives the signal, but in a container the dead may stay listed.
  for (const deadline = Date.now() + 2000; isHeld(running) && Date.now() < deadline;) await sleep(20)
}

interface Lists {
  tree: SavedSnapshot
  git: (Omit<GitState, 'snapshot'> & { snapshot: SavedSnapshot })[]
}

function readLists({ workspace }: Journal): Lists {
  try {
    return JSON.parse(fs.readFileSync(path.join(workspace, 'lists.json'), 'utf8')) as Lists
  } catch (error) {
    throw new PerfError('COPY_GONE', `The copy in ${workspace} is gone, so nothing can be put back; 'perf-agent optimize --discard' goes on with the files as they are.`, 2, { cause: error }) // prettier-ignore
  }
}

function readJournal(dir: string): Journal | undefined {
  try {
    return JSON.parse(fs.readFileSync(path.join(dir, 'optimize.json'), 'utf8')) as Journal
  } catch {
    return undefined
  }
}

function isHeld({ pid, startTime }: Pick<Journal, 'pid' | 'startTime'>): boolean {
  const current = processStartTime(pid)
  return isAlive(pid) && (startTime === null || current === undefined || current === startTime)
}

const saved = ({ root, copy, excluded, entries }: TreeSnapshot): SavedSnapshot => ({ root, copy, excluded, entries: [...entries] })

const loaded = (snapshot: SavedSnapshot): TreeSnapshot => ({
  ...snapshot,
  entries: new Map(snapshot.entries),
  copyOf: (relative) => path.join(snapshot.copy, relative),
})
