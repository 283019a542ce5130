import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../../errors.ts'

/** A program with its arguments, or a line for the shell. */
export type Command = readonly [program: string, ...args: string[]] | string

export interface CommandOptions {
  cwd: string
  env?: NodeJS.ProcessEnv
  /** Written to its standard input, which is closed then. */
  input?: string
  timeoutMs: number
  /** Ends it when aborted. */
  signal?: AbortSignal
  /** Told its process, which leads a group of its own. */
  onStart?: (pid: number) => void
  /** Gets what it prints, as it comes. */
  onOutput?: (text: Buffer) => void
}

/** How a command ended. */
export interface CommandEnd {
  code: number | null
  signal: NodeJS.Signals | null
  timedOut: boolean
  /** The end of what it printed, at most 4,000 characters. */
  tail: string
  durationMs: number
}

const TAIL = 4000

/** How long a program may take to end by itself when it is told to. */
const GRACE_MS = 3000

/**
 * Runs a command in a process group of its own and waits until nothing of the group is left: what still runs when the command has ended, or at the
 * timeout, is ended. Throws `UsageError` where there is no such program.
 */
export async function runCommand(command: Command, options: CommandOptions): Promise<CommandEnd> {
  const [program, args, shell] = typeof command === 'string' ? [command, [], true] : [command[0], command.slice(1), false]
  const startedAt = Date.now()
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    shell,
    detached: process.platform !== 'win32',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  if (child.pid !== undefined) options.onStart?.(child.pid)
  let tail = ''
  const take = (chunk: Buffer): void => {
    tail = (tail + chunk.toString('utf8')).slice(-TAIL)
    options.onOutput?.(chunk)
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  // A command that does not read its standard input is none the worse for it.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new UsageError(`There is no program '${program}' to run.`) : error),
    )
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  let timedOut = false
  const stop = (): void => void endGroup(child)
  const timer = setTimeout(() => {
    timedOut = true
    stop()
  }, options.timeoutMs)
  options.signal?.addEventListener('abort', stop, { once: true })
  if (options.signal?.aborted === true) stop()
  try {
    const end = await ended
    await endGroup(child)
    // Nothing holds the pipes now but what left the group.
    await Promise.race([closed, sleep(500)])
    return { ...end, timedOut, tail, durationMs: Date.now() - startedAt }
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', stop)
    child.stdout.destroy()
    child.stderr.destroy()
  }
}

const ending = new WeakMap<ChildProcess, Promise<void>>()

function endGroup(child: ChildProcess): Promise<void> {
  const known = ending.get(child) ?? endSlowly(child)
  ending.set(child, known)
  return known
}

async function endSlowly(child: ChildProcess): Promise<void> {
  send(child, 'SIGTERM')
  for (const deadline = Date.now() + GRACE_MS; isRunning(child) && Date.now() < deadline;) await sleep(20)
  send(child, 'SIGKILL')
  for (const deadline = Date.now() + GRACE_MS; isRunning(child) && Date.now() < deadline;) await sleep(20)
}

function send(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (process.platform === 'win32' || child.pid === undefined) child.kill(signal)
    else process.kill(-child.pid, signal)
  } catch {
    // Nothing of the group is left.
  }
}

function isRunning(child: ChildProcess): boolean {
  if (child.pid === undefined) return false
  if (process.platform === 'win32') return child.exitCode === null && child.signalCode === null
  try {
    process.kill(-child.pid, 0)
    return true
  } catch {
    return false
  }
}
