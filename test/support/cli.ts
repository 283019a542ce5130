// Runs the built CLI as a user would.
import { spawn, type ChildProcess } from 'node:child_process'
import { text } from 'node:stream/consumers'
import path from 'node:path'
import { repositoryRoot } from './node-under-test.ts'

/** The built CLI of this test run. */
export const cliFile = (): string => path.join(process.env['PERF_TEST_AGENT'] ?? repositoryRoot, 'dist', 'cli.js')

export interface CliResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Runs `perf-agent` with these arguments, without a terminal. */
export async function runCli(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string; onStart?: (child: ChildProcess) => void } = {},
): Promise<CliResult> {
  const {
    PERF_DIR: _dir,
    PERF_SESSION: _session,
    NODE_OPTIONS: _options,
    FORCE_COLOR: _color,
    NO_COLOR: _plain,
    ...environment
  } = process.env
  const child = spawn(process.execPath, [cliFile(), ...args], {
    cwd: options.cwd,
    env: { ...environment, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  options.onStart?.(child)
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (code, signal) => resolve([code, signal])),
  )
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, signal, stdout, stderr }
}
