import childProcess from '../../src/integrations/child-process.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const isPid = (value: unknown): boolean => typeof value === 'number' && value > 1

/** One program: its name, how it ended, and how it was started. */
function program(
  name: string,
  end: number | string,
  more: { args?: boolean; shell?: boolean; sync?: boolean; killed?: boolean; pid?: boolean } = {},
): ExpectedSpan {
  const { args = true, shell = false, sync = false, killed = false, pid = true } = more
  const attributes: Record<string, ExpectedValue> = {
    'process.executable.name': name,
    ...(typeof end === 'number' ? { 'process.exit.code': end } : end.startsWith('SIG') ? { 'perf.process.signal': end } : {}),
    ...(pid ? { 'process.pid': isPid } : {}),
    ...(shell ? { 'perf.process.shell': true } : {}),
    ...(sync ? { 'perf.loop.blocking': true } : {}),
    ...(killed ? { 'perf.process.killed': true } : {}),
    ...(end === 0 || killed ? {} : { 'error.type': String(end) }),
  }
  return {
    name,
    kind: 'client',
    attributes,
    status: end === 0 || killed ? 'unset' : 'error',
    payloads: args ? ['process.command_args'] : [],
  }
}

await testIntegration(childProcess, {
  scenario: 'child-process',
  library: 'node:child_process',
  operation: () => [program('true', 0)],
  expect: {
    spawned: [program('true', 0)],
    failing: [program('sh', 3)],
    missing: [program('no-such-program', 'ENOENT', { pid: false })],
    killed: [program('sleep', 'SIGTERM', { killed: true })],
    signalled: [program('kill', 'SIGKILL', { shell: true })],
    aborted: [program('sleep', 'SIGTERM', { killed: true })],
    commands: [program('echo', 0, { shell: true }), program('echo', 0), program('grep', 1, { shell: true })],
    callbacks: [program('echo', 0), { name: 'in callback', kind: 'internal', layer: 'function', integration: 'api', attributes: {} }],
    forked: [program('node', 1)],
    sync: [
      program('echo', 0, { sync: true }),
      program('echo', 0, { sync: true, shell: true, pid: false }),
      program('echo', 0, { sync: true, pid: false }),
    ],
    syncFailing: [
      program('sh', 4, { sync: true }),
      program('no-such-program', 'ENOENT', { sync: true, args: false, pid: false }),
      program('kill', 'SIGKILL', { sync: true, shell: true, args: false }),
      program('exit', 5, { sync: true, shell: true }),
      program('no-such-program', 'ENOENT', { sync: true, args: false, pid: false }),
    ],
  },
})
