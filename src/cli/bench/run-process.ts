import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { BenchmarkResult } from '../../analysis/bench/bench-result.ts'
import type { BenchSettings } from '../../config.ts'
import { PerfError } from '../../errors.ts'

/** A process to measure. */
export interface ProcessPlan {
  /** What it is called in messages. */
  title: string
  program: string
  args: readonly string[]
  /** A line for the shell instead of a program with arguments. */
  isShell?: boolean
  environment: NodeJS.ProcessEnv
  settings: Omit<BenchSettings, 'output'>
  /** `show`: on the terminal; `stderr`: both streams there; `hide`: kept for the message when it fails. */
  output: 'show' | 'stderr' | 'hide'
}

/** How a process went. */
export interface ProcessRun {
  /** What its `benchmark()` calls gave, in their order. */
  results: BenchmarkResult[]
  wallMs: number
}

const running = new Set<ChildProcess>()
const folders = new Set<string>()

/**
 * Runs a process to its end, or until `stop` is aborted. Throws a `PerfError` with exit code 1 when it does not end with code 0; when it returns or
 * throws, the process is gone.
 */
export async function runProcess(plan: ProcessPlan, onProgress: (text: string) => void, stop?: AbortSignal): Promise<ProcessRun> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-bench-'))
  folders.add(folder)
  const file = path.join(folder, 'results.jsonl')
  const timer = setInterval(() => {
    const last = readLines(file).findLast((line) => 'progress' in line)
    if (last !== undefined && 'progress' in last) onProgress(last.progress)
  }, 250)
  try {
    const environment = { ...plan.environment, PERF_BENCH: JSON.stringify({ ...plan.settings, output: file }) }
    const startedAt = performance.now()
    const { code, signal, said } = await endOf(plan, environment, stop)
    const wallMs = performance.now() - startedAt
    if (code !== 0) throw failed(plan, code, signal, said)
    return { wallMs, results: readLines(file).flatMap((line) => ('result' in line ? line.result : [])) }
  } finally {
    clearInterval(timer)
    rmSync(folder, { recursive: true, force: true })
    folders.delete(folder)
  }
}

type Line = { progress: string } | { result: BenchmarkResult }

function readLines(file: string): Line[] {
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Line)))
}

interface End {
  code: number | null
  signal: NodeJS.Signals | null
  said: string
}

/** How long a process that is asked to end may take. */
const STOP_MS = 3000

function endOf({ program, args, isShell, output }: ProcessPlan, env: NodeJS.ProcessEnv, stop?: AbortSignal): Promise<End> {
  stopWithUs()
  const stdout = output === 'show' ? 'inherit' : output === 'stderr' ? 2 : 'ignore'
  const child = spawn(program, [...args], {
    env,
    shell: isShell === true,
    // A group of its own, so that what a shell started ends with it.
    detached: isShell === true && process.platform !== 'win32',
    stdio: ['ignore', stdout, output === 'hide' ? 'pipe' : 'inherit'],
  })
  running.add(child)
  let killing: NodeJS.Timeout | undefined
  const stopChild = (): void => {
    signalTo(child, 'SIGTERM')
    killing = setTimeout(() => signalTo(child, 'SIGKILL'), STOP_MS)
  }
  if (stop?.aborted === true) stopChild()
  stop?.addEventListener('abort', stopChild)
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-20_000)))
  return new Promise<End>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new PerfError('NOT_STARTED', `There is no program '${program}' to run.`) : error),
    )
    child.once('close', (code, signal) => resolve({ code, signal, said }))
  }).finally(() => {
    running.delete(child)
    stop?.removeEventListener('abort', stopChild)
    clearTimeout(killing)
  })
}

let isStopping = false

/** Children end with this process, and nothing is left of them. */
function stopWithUs(): void {
  if (isStopping) return
  isStopping = true
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const child of running) signalTo(child, signal)
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
      process.kill(process.pid, signal)
    })
  }
}

function signalTo(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    // The whole group where there is one; a pid that is no group's is the child's own.
    if (child.pid !== undefined && process.platform !== 'win32') process.kill(-child.pid, signal)
  } catch {
    child.kill(signal)
  }
}

function failed({ title }: ProcessPlan, code: number | null, signal: NodeJS.Signals | null, said: string): PerfError {
  const error = said.split('\n').findLast((line) => /^(\w*Error|Uncaught)\b/.test(line)) ?? said.trim().split('\n').at(-1) ?? ''
  const why = error.trim() === '' ? '' : ` (${error.trim().slice(0, 200)})`
  return new PerfError('BENCH_FAILED', `'${title}' ended with ${signal === null ? `code ${code}` : `signal ${signal}`}${why}.`, 1)
}
