import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { readConfig } from '../../config.ts'
import { seedIds } from '../../core/ids.ts'
import { makeFolder } from '../../core/make-folder.ts'
import { newSessionName, serviceName } from '../../core/session-name.ts'
import { PerfError } from '../../errors.ts'
import { forwardSignals, notStarted } from '../child.ts'
import type { CommonOptions } from '../command.ts'

interface RunOptions extends CommonOptions {
  service?: string
  tags?: string
  tools?: string
  capture?: string
  cpu?: string | true
  report?: boolean
}

/** `perf-agent run app.js …`: runs a program with every Node.js process in it recorded into one session. Ends as the program ends. */
export async function run(command: string[], options: RunOptions): Promise<number> {
  const [program = '', ...args] = command
  const environment = runEnvironment(program, args, options)
  const isScript = /\.[cm]?[jt]sx?$/.test(program)
  const child = spawn(isScript ? process.execPath : program, isScript ? command : args, {
    stdio: 'inherit',
    env: environment,
    shell: process.platform === 'win32' && !isScript,
  })
  const stopForwarding = forwardSignals((signal) => child.kill(signal))
  const end = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(notStarted(program, error)))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  }).finally(stopForwarding)
  if (options.report === true) await printReport(environment)
  if (end.signal !== null) return endBySignal(end.signal)
  return end.code ?? 0
}

/** The environment the program gets. The session's folder is reserved here, so that every process of the run joins it. */
export function runEnvironment(
  program: string,
  args: readonly string[],
  options: RunOptions,
  base: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...base }
  if (options.service !== undefined) environment['PERF_SERVICE'] = options.service
  if (options.tags !== undefined) environment['PERF_TAGS'] = options.tags
  if (options.tools !== undefined) environment['PERF_TOOLS'] = options.tools
  if (options.capture !== undefined) environment['PERF_CAPTURE'] = options.capture
  if (options.cpu !== undefined) environment['PERF_CPU'] = options.cpu === true ? 'on' : options.cpu
  const config = readConfig(environment, process.cwd())
  const dir = options.dir === undefined ? config.dir : path.resolve(options.dir)
  environment['PERF_DIR'] = dir
  environment['PERF_ROOT'] = config.root
  seedIds()
  environment['PERF_SESSION'] = reserveSession(dir, options.session ?? base['PERF_SESSION'], () =>
    newSessionName(serviceName(config.service, entryOf(program, args), process.cwd()), Date.now()),
  )
  const flag = `--import=${registerUrl()}`
  const given = base['NODE_OPTIONS'] ?? ''
  if (!given.split(' ').includes(flag)) environment['NODE_OPTIONS'] = given === '' ? flag : `${given} ${flag}`
  return environment
}

/** URL of the preload: blanks in the path are `%20`, as NODE_OPTIONS is split at blanks. */
function registerUrl(): string {
  const here = path.dirname(fileURLToPath(import.meta.url))
  const candidates = [
    path.join(here, 'register.js'),
    path.join(here, '..', 'register.js'),
    path.join(here, '..', '..', '..', 'dist', 'register.js'),
  ]
  const found = candidates.find((file) => existsSync(file))
  if (found === undefined)
    throw new PerfError('NOT_BUILT', 'dist/register.js is missing; reinstall @perf/agent (in its own repository: npm run build).')
  return pathToFileURL(found).href
}

function reserveSession(dir: string, wanted: string | undefined, newName: () => string): string {
  const newFolder = (): string => {
    const folder = path.join(dir, 'sessions', newName())
    return existsSync(folder) ? newFolder() : folder
  }
  const folder =
    wanted === undefined || wanted === '' ? newFolder() : /[\\/]/.test(wanted) ? path.resolve(wanted) : path.join(dir, 'sessions', wanted)
  try {
    makeFolder(folder)
  } catch (error) {
    throw new PerfError(
      'DIR_NOT_WRITABLE',
      `Cannot create ${folder} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}); choose another folder with --dir.`,
      2,
      { cause: error },
    )
  }
  return folder
}

function entryOf(program: string, args: readonly string[]): string | undefined {
  if (/\.[cm]?[jt]sx?$/.test(program)) return program
  return args.find((arg) => !arg.startsWith('-') && /\.[cm]?[jt]sx?$/.test(arg))
}

function endBySignal(signal: NodeJS.Signals): number {
  // The caller sees the same wait status as without us; where the signal does not end this process, the shell's convention stands in.
  if (process.platform !== 'win32') process.kill(process.pid, signal)
  return 128 + (os.constants.signals[signal] ?? 0)
}

async function printReport(environment: NodeJS.ProcessEnv): Promise<void> {
  const { report } = await import('./report.ts')
  try {
    await report(undefined, { session: environment['PERF_SESSION'] ?? 'last', dir: environment['PERF_DIR'] ?? '.perf' })
  } catch (error) {
    process.stderr.write(`perf-agent: no report: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}
