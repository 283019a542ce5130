// Runs Node (or a program that starts Node) with any arguments, and the preload as flags or in NODE_OPTIONS.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll } from 'vitest'
import { nodeBinary } from './node-under-test.ts'
import { agentRoot } from './record.ts'

export interface Ran {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd: string
  env?: Record<string, string | undefined>
  input?: string
  command?: string
}

const folders: string[] = []
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** URL of the preload under test, as `--import` wants it; of the copy in `root` when one is given. */
export const importUrl = (root: string = agentRoot()): string => pathToFileURL(path.join(root, 'dist', 'register.js')).href
/** Path of the preload under test, as `--require` wants it. */
export const requireFile = (root: string = agentRoot()): string => path.join(root, 'dist', 'register.cjs')

/** A folder with these files, in which `@perf/agent` is installed; removed after the tests of the file. */
export function writeProject(files: Record<string, string>): string {
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'perf-test-')))
  folders.push(folder)
  for (const [name, source] of Object.entries({ 'package.json': '{"name":"program"}', ...files })) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), source)
  }
  mkdirSync(path.join(folder, 'node_modules', '@perf'), { recursive: true })
  symlinkSync(agentRoot(), path.join(folder, 'node_modules', '@perf', 'agent'), 'dir')
  return folder
}

/** Runs the Node under test (or `command`) to its end. */
export async function runNode(args: readonly string[], { cwd, env, input, command }: RunOptions): Promise<Ran> {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(NODE_|PERF_|OTEL_|VITEST|TEST$|VITE_|npm_)/.test(name)),
  )
  const PATH = `${path.dirname(nodeBinary())}${path.delimiter}${process.env['PATH'] ?? ''}`
  const child = spawn(command ?? nodeBinary(), args, { cwd, env: { ...clean, PATH, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, by) => resolve([code, by]))
  })
  return { status, signal, stdout, stderr }
}

/** What is the same in two runs: without process ids, times and paths of the agent. */
export function steady({ status, signal, stdout, stderr }: Ran): Ran {
  const clean = (text: string): string =>
    text
      .replaceAll(/\(node:\d+\)/g, '(node:<pid>)')
      .replaceAll(/\b\d+(\.\d+)?(ms| ms)/g, '<ms>')
      .replaceAll(/duration_ms:? [\d.]+/g, 'duration_ms <n>')
  return { status, signal, stdout: clean(stdout), stderr: clean(stderr) }
}

/** Folders of the sessions in `<cwd>/.perf`. */
export function sessionsIn(cwd: string): string[] {
  const folder = path.join(cwd, '.perf', 'sessions')
  return existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : []
}
