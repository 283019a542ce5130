import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { PerfError, UsageError } from '../../errors.ts'
import type { Candidate, CandidateSubject } from '../queue/candidate.ts'
import { checkBenchmark, lastLine, runBenchmark, type AbResult, type Benchmark } from './ab-benchmark.ts'
import { findRepository, repositoriesBelow, restoreGitState, takeGitState, type GitState } from './git-state.ts'
import { beginJournal, endJournal, noteRunning } from './journal.ts'
import { keepChanged, keepRejected } from './rejected.ts'
import { runCommand, type Command, type CommandEnd } from './run-command.ts'
import { restoreSnapshot } from './restore-snapshot.ts'
import { changesSince, copySnapshot, isBelow, overlaySnapshot, takeSnapshot, type TreeChange, type TreeSnapshot } from './tree-snapshot.ts' // prettier-ignore

/** What is run, and on what. */
export interface OptimizeOptions {
  /** PERF_DIR: holds the journal and what was rejected. */
  dir: string
  /** Folder the command, and the tests, run in. */
  cwd: string
  command: Command
  /** Written to its standard input. */
  packet: string
  /** Null: none are run. */
  tests: string | null
  benchmark: Omit<Benchmark, 'sessions' | 'signal' | 'timeoutMs'>
  /** Of the command, and of each run of the tests. */
  timeoutMs: number
  /** Of each run of the benchmark: a server that was recorded never ends by itself. */
  benchmarkTimeoutMs: number
  /** Not copied and not put back: relative to the project. */
  exclude: readonly string[]
  mostBytes: number
  signal: AbortSignal
  /** What happens, for people. */
  say(line: string): void
  /** How far the benchmark is. */
  onRound(round: number): void
  onOutput(text: Buffer): void
}

/** What came of it. */
export interface OptimizeOutcome {
  verdict: 'kept' | 'rejected'
  /** One sentence. */
  reason: string
  /** What the command changed. */
  changes: TreeChange[]
  tests: 'passed' | 'failed' | 'not run'
  benchmark: AbResult | null
  /** Where the changed files of a rejected change were put; null where nothing had changed. */
  rejected_files: string | null
}

/** The folder that is copied and put back: the repository around `cwd`, else `cwd`. */
export function projectRoot(cwd: string): string {
  return findRepository(cwd)?.root ?? fs.realpathSync(cwd)
}

/**
 * Lets the command change the working tree, and keeps the change when the tests pass and the benchmark is faster; else, and when anything goes wrong,
 * every file is put back. Git's state stays what it was in any case. Throws `PerfError` when it cannot begin, or was interrupted.
 */
export async function optimize(candidate: Candidate, options: OptimizeOptions): Promise<OptimizeOutcome> {
  const workspace = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'perf-optimize-')))
  let isRestored = true
  try {
    options.say(`copying ${projectRoot(options.cwd)}`)
    const state = await takeState(workspace, options)
    assertNotInterrupted(options)
    beginJournal(options.dir, candidate.id, workspace, state.tree, state.git)
    isRestored = false
    let outcome: OptimizeOutcome | undefined
    try {
      outcome = await tryChange(candidate, state, workspace, options)
      return outcome
    } finally {
      if (outcome === undefined) keepChanged(options.dir, candidate.id, state.tree)
      try {
        if (outcome?.verdict !== 'kept') restoreSnapshot(state.tree)
      } finally {
        restoreGitState(state.git)
      }
      isRestored = true
      endJournal(options.dir)
    }
  } finally {
    // What could not be put back is still needed.
    if (isRestored) fs.rmSync(workspace, { recursive: true, force: true })
  }
}

interface State {
  tree: TreeSnapshot
  git: GitState[]
}

async function takeState(workspace: string, { cwd, dir, exclude, mostBytes }: OptimizeOptions): Promise<State> {
  const repository = findRepository(cwd)
  const root = projectRoot(cwd)
  const own = [dir, workspace].filter((folder) => isBelow(root, realPath(folder))).map((folder) => path.relative(root, realPath(folder)))
  if (own.includes('')) throw new UsageError(`The folder of the sessions is the project itself (${root}); choose another with --dir.`)
  const isGitFolder = repository !== undefined && repository.gitFolder === path.join(root, '.git')
  const posix = (entry: string): string => entry.split(path.sep).join('/')
  const paths = [...own, ...exclude.map((entry) => path.relative(root, path.resolve(root, entry))), ...(isGitFolder ? ['.git'] : [])].map(
    posix,
  )
  assertApart(root, workspace)
  // What is committed in a repository within the project is no change of files either.
  const inner = repositoriesBelow(root, { paths })
  const gitFolders = inner.map(({ gitFolder }) => posix(path.relative(root, gitFolder)))
  const tree = await takeSnapshot(root, path.join(workspace, 'tree'), {
    excluded: { paths: [...paths, ...gitFolders] },
    mostBytes,
  })
  const git = repository === undefined ? [] : await takeGitState(repository, path.join(workspace, 'git'))
  for (const [i, one] of inner.entries())
    git.push(...(await takeGitState(one, path.join(workspace, `git-${i}`), { withObjects: true, mostBytes })))
  return { tree, git }
}

function assertApart(root: string, workspace: string): void {
  if (isBelow(root, workspace))
    throw new UsageError(`The folder for temporary files is in the project (${workspace}); set TMPDIR to another.`)
}

async function tryChange(candidate: Candidate, state: State, workspace: string, options: OptimizeOptions): Promise<OptimizeOutcome> {
  const trial = await prepare(candidate, state, workspace, options)
  const { cwd, signal, timeoutMs, say } = options
  say(`running ${commandText(options.command)}`)
  const end = await runCommand(options.command, {
    cwd,
    input: options.packet,
    timeoutMs,
    signal,
    onOutput: options.onOutput,
    onStart: noteRunning(workspace),
  })
  assertNotInterrupted(options)
  // What the command did to git's state goes, whatever it was: the tests and the benchmark see files only.
  restoreGitState(state.git)
  const changes = changesSince(state.tree)
  const judged = await judgeChange(end, changes, state.tree, trial, options)
  const isKept = judged.benchmark?.verdict === 'better'
  const rejected_files = isKept ? null : keepRejected(options.dir, candidate.id, state.tree, changes)
  return { verdict: isKept ? 'kept' : 'rejected', changes, rejected_files, ...judged }
}

interface Trial {
  workspace: string
  benchmark: Benchmark
  copies: { before: string; after: string }
  subjects: CandidateSubject[]
}

/** Tests and benchmark must end well before anything is changed. */
async function prepare(candidate: Candidate, { tree }: State, workspace: string, options: OptimizeOptions): Promise<Trial> {
  if (options.tests !== null) {
    const before = await runTests(options.tests, workspace, options, 'before the change')
    if (!isPassed(before)) throw new UsageError(`The tests fail before anything is changed (${options.tests}): ${lastLine(before.tail)}`)
    restoreSnapshot(tree)
  }
  const arms = path.join(workspace, 'arms')
  const copies = { before: path.join(arms, 'before'), after: path.join(arms, 'after') }
  linkModulesAbove(tree.root, arms)
  await copySnapshot(tree, copies.before)
  const { signal, benchmarkTimeoutMs: timeoutMs } = options
  const benchmark: Benchmark = { ...options.benchmark, timeoutMs, signal, sessions: path.join(workspace, 'perf', 'sessions') }
  options.say('benchmark, once, as it is')
  return { workspace, benchmark, copies, subjects: await checkBenchmark(benchmark, copies.before, candidate.subject) }
}

type Judged = Pick<OptimizeOutcome, 'reason' | 'tests' | 'benchmark'>

/** What speaks against a change, or that its benchmark is better. */
async function judgeChange(
  end: CommandEnd,
  changes: TreeChange[],
  tree: TreeSnapshot,
  trial: Trial,
  options: OptimizeOptions,
): Promise<Judged> {
  const against = (reason: string, tests: OptimizeOutcome['tests'] = 'not run'): Judged => ({ reason, tests, benchmark: null })
  if (end.timedOut) return against(`the command did not end in time (${Math.round(options.timeoutMs / 1000)} s)`)
  if (end.code !== 0) return against(`the command failed (${end.signal ?? `exit code ${end.code ?? '?'}`}): ${lastLine(end.tail)}`)
  if (changes.length === 0) return against('no change')
  const named = changes.slice(0, 5).map(({ path: file }) => file)
  options.say(`${changes.length} ${changes.length === 1 ? 'file' : 'files'} changed: ${named.join(', ')}${changes.length > 5 ? ', …' : ''}`)
  const changed = overlaySnapshot(tree, changes, path.join(trial.workspace, 'overlay'))
  if (options.tests !== null) {
    const after = await runTests(options.tests, trial.workspace, options, 'after the change')
    if (!isPassed(after)) return against(`the tests fail with the change: ${lastLine(after.tail)}`, 'failed')
    // What the tests left behind is not part of the change.
    restoreSnapshot(changed)
  }
  await copySnapshot(changed, trial.copies.after)
  options.say(`benchmark, ${trial.benchmark.rounds} rounds of both states`)
  const result = await runBenchmark(trial.benchmark, trial.copies, trial.subjects, options.onRound)
  return { reason: `${result.of}: ${result.text}`, tests: options.tests === null ? 'not run' : 'passed', benchmark: result }
}

async function runTests(tests: string, workspace: string, options: OptimizeOptions, when: string): Promise<CommandEnd> {
  options.say(`tests ${when}: ${tests}`)
  const { cwd, timeoutMs, signal } = options
  const end = await runCommand(tests, { cwd, timeoutMs, signal, onStart: noteRunning(workspace) })
  assertNotInterrupted(options)
  return end
}

const isPassed = ({ code, timedOut }: CommandEnd): boolean => code === 0 && !timedOut

/** Packages of a folder above the project are found from its copies, too. */
function linkModulesAbove(root: string, arms: string): void {
  fs.mkdirSync(arms, { recursive: true, mode: 0o700 })
  for (let folder = path.dirname(root); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const modules = path.join(folder, 'node_modules')
    if (!fs.existsSync(modules)) continue
    fs.symlinkSync(modules, path.join(arms, 'node_modules'))
    return
  }
}

function assertNotInterrupted({ signal }: OptimizeOptions): void {
  if (signal.aborted) throw new PerfError('INTERRUPTED', 'Interrupted; the working tree is as it was.', 130)
}

function realPath(file: string): string {
  try {
    return fs.realpathSync(file)
  } catch {
    return path.resolve(file)
  }
}

/** A command as a person would type it. */
export function commandText(command: Command): string {
  return typeof command === 'string'
    ? command
    : command.map((part) => (/^[\w./:=@%+,-]+$/.test(part) ? part : `'${part.replaceAll("'", String.raw`'\''`)}'`)).join(' ')
}
