import type { SpanEnd, SpanStart } from '../core/integration.ts'

// A program that is started: https://opentelemetry.io/docs/specs/semconv/cli/ . Its name, never what it is given.

const SAFE_NAME = /^[\w.+-]{1,64}$/

/** The name of the program that runs: of a shell's command its first word. */
export function commandName(file: string, shellCommand: string | undefined): string {
  if (shellCommand === undefined) return safeName(file) ?? 'program'
  const words = shellCommand.trim().split(/\s+/)
  const first = words.find((word) => !/^[A-Za-z_]\w*=/.test(word)) ?? ''
  return safeName(first.replaceAll(/^["'(]+|["');&|]+$/g, '')) ?? 'shell'
}

function safeName(path: string): string | undefined {
  const name = (path.split(/[\\/]/).at(-1) ?? '').replace(/\.exe$/i, '')
  return SAFE_NAME.test(name) ? name : undefined
}

/** Start of the span of a program; `args` only as a payload. */
export function processStart(file: string, shellCommand: string | undefined, args: readonly unknown[], isSync: boolean): SpanStart {
  const name = commandName(file, shellCommand)
  return {
    name,
    kind: 'client',
    attributes: {
      'process.executable.name': name,
      'perf.process.shell': shellCommand === undefined ? undefined : true,
      'perf.loop.blocking': isSync ? true : undefined,
    },
    payloads: args.length === 0 ? undefined : [{ role: 'process.command_args', value: shellCommand ?? args }],
  }
}

export interface ProcessResult {
  pid?: number | undefined
  /** Null where a signal ended it. */
  code: number | null
  signal: string | null | undefined
  /** The caller ended it. */
  killed?: boolean
}

/** How it ended: a code other than 0 or a signal nobody here sent is an error. */
export function processEnd({ pid, code, signal, killed = false }: ProcessResult): SpanEnd {
  const failure = signal ?? (code === 0 || code === null ? undefined : String(code))
  return {
    attributes: {
      'process.pid': pid,
      'process.exit.code': code ?? undefined,
      'perf.process.signal': signal ?? undefined,
      'perf.process.killed': killed ? true : undefined,
    },
    status: failure === undefined || killed ? 'unset' : 'error',
    errorType: failure,
  }
}

/** A program that could not be started, or gave too much output: the system's code. The message names the arguments, so it is not kept. */
export function processFailure(error: unknown): SpanEnd {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  const type = typeof code === 'string' ? code : undefined
  return { status: 'error', errorType: type, exceptionMessage: type ?? '' }
}
