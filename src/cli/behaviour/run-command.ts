import { spawn, type ChildProcess } from 'node:child_process'
import os from 'node:os'
import { PerfError } from '../../errors.ts'
import { forwardSignals, notStarted } from '../child.ts'
import { readOutput, type TestResults } from './test-results.ts'

/** One run of a command. */
export interface CommandRun {
  /** Null when a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  seconds: number
  /** What this process got meanwhile, unless the command ended well all the same: a server may be meant to end so. */
  interruptedBy: NodeJS.Signals | null
  /** Undefined when none were recognised. */
  results: TestResults | undefined
}

/** Where the output of the command goes: to standard output and error, all to standard error, nowhere. */
export type PassThrough = 'both' | 'stderr' | 'none'

/** Of each stream this much is kept, in characters: the end, where runners sum up. */
const MAX_KEPT = 64 * 1024 * 1024

/** Runs a command to its end. Throws `UsageError` when it cannot be started. */
export async function runCommand(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  passThrough: PassThrough,
): Promise<CommandRun> {
  const [program = '', ...args] = command
  const isScript = /\.[cm]?[jt]sx?$/.test(program)
  const startedAt = performance.now()
  const child = spawn(isScript ? process.execPath : program, isScript ? [...command] : args, {
    // Not standard input from a pipe: the first run would take it away from the second.
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    env: environment,
    shell: process.platform === 'win32' && !isScript,
  })
  const stdout = keep(child.stdout, passThrough === 'both' ? process.stdout : passThrough === 'stderr' ? process.stderr : undefined)
  const stderr = keep(child.stderr, passThrough === 'none' ? undefined : process.stderr)
  const interruption = listenForSignals()
  const { code, signal } = await ended(child, program).finally(interruption.stop)
  const results = readOutput(stdout(), stderr())
  return { code, signal, seconds: (performance.now() - startedAt) / 1000, interruptedBy: code === 0 ? null : interruption.by(), results }
}

/** Throws `PerfError`, with the exit code a shell gives such a command, when a run was ended from outside: it says nothing about the command. */
export function assertNotInterrupted({ interruptedBy }: CommandRun): void {
  if (interruptedBy === null) return
  throw new PerfError('INTERRUPTED', `Interrupted by ${interruptedBy}; nothing is compared.`, 128 + os.constants.signals[interruptedBy])
}

function listenForSignals(): { by(): NodeJS.Signals | null; stop(): void } {
  let first: NodeJS.Signals | null = null
  const note = (signal: NodeJS.Signals): void => void (first ??= signal)
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
  for (const signal of signals) process.on(signal, note)
  return {
    by: () => first,
    stop: () => {
      for (const signal of signals) process.off(signal, note)
    },
  }
}

/** How long nothing must come after the command has ended, where what it left running still holds its output, and how long that is waited for. */
const SILENCE_MS = 3000
const MOST_MS = 20_000

async function ended(child: ChildProcess, program: string): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  const stopForwarding = forwardSignals((signal) => child.kill(signal))
  return await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(notStarted(program, error)))
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('exit', (code, signal) => whenSilent(child, () => resolve({ code, signal })))
  }).finally(stopForwarding)
}

/** A shell does not wait for what a command leaves running either. */
function whenSilent({ stdout, stderr }: ChildProcess, then: () => void): void {
  const until = performance.now() + MOST_MS
  const onData = (): void => void (performance.now() < until && timer.refresh())
  const onClose = (): void => void (stdout?.closed === true && stderr?.closed === true && clearTimeout(timer))
  const timer = setTimeout(() => {
    stdout?.destroy()
    stderr?.destroy()
    then()
  }, SILENCE_MS)
  for (const stream of [stdout, stderr]) stream?.on('data', onData).once('close', onClose)
}

/** Copies a stream to another and gives what came. */
function keep(stream: NodeJS.ReadableStream, target: NodeJS.WriteStream | undefined): () => string {
  let chunks: string[] = []
  let length = 0
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    target?.write(text)
    chunks.push(text)
    length += text.length
    if (length > 2 * MAX_KEPT) {
      chunks = [chunks.join('').slice(-MAX_KEPT)]
      length = MAX_KEPT
    }
  })
  return () => chunks.join('')
}
