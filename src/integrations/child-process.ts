import type { ChildProcess, SpawnSyncReturns } from 'node:child_process'
import { getSystemErrorName } from 'node:util'
import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { childTraceparent } from '../core/child-traceparent.ts'
import { processEnd, processFailure, processStart, type ProcessResult } from '../semantics/process.ts'

interface SpawnOptions {
  file?: string
  /** With the name of the program in front. */
  args?: string[]
  shell?: boolean | string
}

type Child = ChildProcess & { _handle?: { onexit?: ((code: number, signal: string) => unknown) | undefined } | null }
type SpawnCall = { self: Child; args: [options: SpawnOptions | undefined]; result: unknown }
type SyncCall = { args: [file: string, ...more: unknown[]]; result: SpawnSyncReturns<unknown> }
type ExecSyncCall = { args: [file: string, ...more: unknown[]]; result: unknown }

// `spawn`, `exec`, `execFile`, `fork` and cluster all start their child by this method; the end is known where Node itself learns of it. What the
// program records is below the span.
export default defineIntegration({
  name: 'child-process',
  module: 'node:child_process',
  kind: 'process',
  records: {
    spans: ['git', 'node', 'the name of the program — never its arguments'],
    attributes: [
      'process.executable.name',
      'process.pid',
      'process.exit.code',
      'perf.process.signal',
      'perf.process.killed',
      'perf.process.shell',
      'perf.loop.blocking',
    ],
    against: 'programs of the machine',
  },
  targets: [
    target<SpawnCall>({
      path: 'ChildProcess.prototype.spawn',
      versions: '*',
      settles: 'observed',
      callersContext: true,
      carrier: 'process',
      inject({ args: [options] }: Call<SpawnCall>, traceparent) {
        if (options !== undefined) childTraceparent.set(options, traceparent)
      },
      start({ args: [options] }: Call<SpawnCall>) {
        if (typeof options?.file !== 'string') return undefined
        const { file, args = [], shell } = options
        return processStart(file, shell ? args.at(-1) : undefined, args.slice(1), false)
      },
      observe({ self }: Call<SpawnCall>, _result, end) {
        const handle = self._handle
        const onexit = handle?.onexit
        const { pid } = self
        if (handle === null || handle === undefined || onexit === undefined) return end({ ok: true, result: undefined })
        handle.onexit = function (this: unknown, code, signal) {
          const result: ProcessResult = { pid, code: signal ? null : code, signal: signal || null, killed: self.killed }
          if (code < 0) end({ ok: true, result: undefined }, { status: 'error', errorType: getSystemErrorName(code) })
          else end({ ok: true, result: undefined }, processEnd(result))
          return Reflect.apply(onexit, this, [code, signal])
        }
      },
      end: (_call, outcome) => (outcome.ok ? undefined : processFailure(outcome.error)),
    }),
    target<SyncCall>({
      path: 'spawnSync',
      versions: '*',
      settles: 'return',
      start: startSync,
      end(_call, outcome) {
        if (!outcome.ok) return processFailure(outcome.error)
        const { error, pid, status, signal } = outcome.result
        return error === undefined ? processEnd({ pid, code: status, signal }) : { ...processFailure(error), attributes: pidOf(pid) }
      },
    }),
    target<ExecSyncCall>({ path: 'execFileSync', versions: '*', settles: 'return', start: startSync, end: endExecSync }),
    target<ExecSyncCall>({
      path: 'execSync',
      versions: '*',
      settles: 'return',
      start: ({ args: [command] }) => (typeof command === 'string' ? processStart('', command, [command], true) : undefined),
      end: endExecSync,
    }),
  ],
})

function startSync({ args: [file, second, third] }: Call<ExecSyncCall>): SpanStart | undefined {
  if (typeof file !== 'string') return undefined
  const args: unknown[] = Array.isArray(second) ? second : []
  const options = (Array.isArray(second) ? third : (third ?? second)) as { shell?: unknown } | null | undefined
  const shell = typeof options === 'object' && options !== null && Boolean(options.shell)
  return processStart(file, shell ? [file, ...args].join(' ') : undefined, args, true)
}

/** They throw what they know of the end. */
function endExecSync(_call: Call<ExecSyncCall>, outcome: Outcome): SpanEnd {
  if (outcome.ok) return processEnd({ code: 0, signal: null })
  const error = (typeof outcome.error === 'object' && outcome.error !== null ? outcome.error : {}) as Partial<SpawnSyncReturns<unknown>> & {
    code?: unknown
  }
  const { pid, status = null, signal = null } = error
  if (typeof error.code === 'string' || (status === null && signal === null)) return { ...processFailure(error), attributes: pidOf(pid) }
  return { ...processEnd({ pid, code: status, signal }), exceptionMessage: '' }
}

/** Of a program that was not started it is 0. */
function pidOf(pid: number | undefined): { 'process.pid': number | undefined } {
  return { 'process.pid': pid || undefined }
}
