// Runs a small program in a real Node process, with or without the agent, and reads back what was recorded.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { transformSync } from 'esbuild'
import { afterAll } from 'vitest'
import { installedModules } from '../../scripts/install-versions.mjs'
import { nodeBinary, repositoryRoot } from './node-under-test.ts'
import { readSession, type Recording } from './read-session.ts'

export type Format = 'esm' | 'cjs'

export interface RecordOptions {
  /** ES module source, or the path of a file from the repository root. It is converted for `cjs`; top-level await is for `esm` only. */
  app: string
  format?: Format
  /** More files beside the program: name → source, converted likewise when they end in `.js`. */
  files?: Record<string, string>
  /** Installed versions the program can import: `pg@8.23.1`, or a folder of packages. */
  packages?: readonly string[]
  agent?: 'import' | 'require' | 'none'
  /** Major version; default the Node under test. */
  node?: number
  nodeArgs?: readonly string[]
  args?: readonly string[]
  env?: Record<string, string | undefined>
  /** A command that runs the program: `prlimit --fsize=…`, `setpriv …`. */
  through?: readonly string[]
  /** Last preparations in the program's folder. */
  prepare?: (folder: string) => void
  /** Sends a signal once stdout contains the text, or after that many milliseconds. */
  kill?: { signal: NodeJS.Signals; when: string | number }
  timeoutMs?: number
  /** Runs beside the program once it has started; the program is awaited after it. */
  during?: (running: Running) => Promise<void>
}

/** A program that runs. */
export interface Running {
  folder: string
  perfDir: string
  pid: number
  stdout(): string
  kill(signal: NodeJS.Signals): void
  /** Creates a file beside the program, which watches for it: `stop`, when nothing else is said. */
  stop(file?: string): void
}

export interface Recorded extends Recording {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** The program did not end by itself and was killed. */
  timedOut: boolean
  durationMs: number
  /** Folder of the program; PERF_DIR is `.perf` in it. */
  folder: string
  perfDir: string
  /** The only session's folder; undefined when nothing was recorded. */
  sessionDir: string | undefined
}

const folders: string[] = []

afterAll(() => {
  if (process.env['PERF_TEST_KEEP'] === '1') return
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Runs `app` to its end and gives its output and its recording. */
export async function record(options: RecordOptions): Promise<Recorded> {
  const { agent = 'import', timeoutMs = 30_000 } = options
  const { folder, entry } = writeProgram(options)
  const perfDir = path.join(folder, '.perf')
  const preload = agent === 'none' ? [] : [`--${agent}`, agentEntry(agent)]
  const started = performance.now()
  options.prepare?.(folder)
  const command = [
    ...(options.through ?? []),
    nodeBinary(options.node),
    ...preload,
    ...(options.nodeArgs ?? []),
    entry,
    ...(options.args ?? []),
  ]
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: folder,
    env: { ...cleanEnvironment(), PERF_DIR: perfDir, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  let timedOut = false
  const timers = [
    setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, timeoutMs),
  ]
  const { kill } = options
  if (typeof kill?.when === 'number') timers.push(setTimeout(() => child.kill(kill.signal), kill.when))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = stdout
    stdout += text
    if (typeof kill?.when === 'string' && !before.includes(kill.when) && stdout.includes(kill.when)) child.kill(kill.signal)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, by) => resolve([code, by]))
  })
  try {
    await options.during?.({
      folder,
      perfDir,
      pid: child.pid ?? 0,
      stdout: () => stdout,
      kill: (by) => child.kill(by),
      stop: (file = 'stop') => writeFileSync(path.join(folder, file), ''),
    })
  } catch (error) {
    child.kill('SIGKILL')
    await ended
    throw error
  }
  const [status, signal] = await ended
  for (const timer of timers) clearTimeout(timer)
  const durationMs = performance.now() - started
  const sessionDirs = listSessions(perfDir)
  if (sessionDirs.length > 1) throw new Error(`one run, ${sessionDirs.length} sessions: ${sessionDirs.join(', ')}`)
  const sessionDir = sessionDirs[0]
  return { ...readSession(sessionDir), status, signal, stdout, stderr, timedOut, durationMs, folder, perfDir, sessionDir }
}

/** Root of the package under test: this run's own copy where vitest made one. */
export function agentRoot(): string {
  return process.env['PERF_TEST_AGENT'] ?? repositoryRoot
}

function agentEntry(agent: 'import' | 'require'): string {
  const dist = path.join(agentRoot(), 'dist')
  if (!existsSync(path.join(dist, 'boot.cjs'))) throw new Error('there is no agent to test: dist/ was not built')
  return agent === 'import' ? pathToFileURL(path.join(dist, 'register.js')).href : path.join(dist, 'register.cjs')
}

function writeProgram(options: RecordOptions): { folder: string; entry: string } {
  const { format = 'esm' } = options
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'perf-test-')))
  folders.push(folder)
  linkPackages(path.join(folder, 'node_modules'), options.packages ?? [])
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: 'program', private: true, type: format === 'esm' ? 'module' : 'commonjs' }),
  )
  const file = path.resolve(repositoryRoot, options.app)
  const isFile = !options.app.includes('\n') && existsSync(file)
  const sources: Record<string, string> = { 'app.js': isFile ? readFileSync(file, 'utf8') : options.app, ...options.files }
  for (const [name, source] of Object.entries(sources)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), name.endsWith('.js') && format === 'cjs' ? toCommonJs(source) : source)
  }
  return { folder, entry: path.join(folder, 'app.js') }
}

/** The way a bundler would: `import x from 'y'` becomes `require('y')` with Node's rule for `default`. */
function toCommonJs(source: string): string {
  if (!/^\s*(import|export)\b/m.test(source)) return source
  return transformSync(source, { format: 'cjs', platform: 'node', sourcefile: 'program.mjs', target: 'node20' }).code
}

function linkPackages(modules: string, packages: readonly string[]): void {
  mkdirSync(path.join(modules, '@perf'), { recursive: true })
  symlinkSync(agentRoot(), path.join(modules, '@perf', 'agent'), 'dir')
  for (const spec of packages) {
    const source = path.isAbsolute(spec) ? spec : installedModules(spec)
    for (const name of packageNames(source)) {
      const link = path.join(modules, name)
      if (existsSync(link)) continue
      mkdirSync(path.dirname(link), { recursive: true })
      symlinkSync(path.join(source, name), link, 'dir')
    }
  }
}

function packageNames(modules: string): string[] {
  return readdirSync(modules).flatMap((name) => {
    if (name.startsWith('.')) return []
    return name.startsWith('@') ? readdirSync(path.join(modules, name)).map((inner) => `${name}/${inner}`) : [name]
  })
}

/** The environment without what would change how Node, the agent or a test runner behaves in the child. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|PERF_|OTEL_|VITEST|TEST$|VITE_)/.test(name)))
}

function listSessions(perfDir: string): string[] {
  const sessions = path.join(perfDir, 'sessions')
  return existsSync(sessions) ? readdirSync(sessions).map((name) => path.join(sessions, name)) : []
}
