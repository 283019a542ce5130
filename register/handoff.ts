import diagnosticsChannel from 'node:diagnostics_channel'
import path from 'node:path'
import { childTraceparent } from '../src/core/child-traceparent.ts'
import { currentSpan } from '../src/core/context.ts'
import { guard } from '../src/core/guard.ts'
import { patchPath } from '../src/core/patch.ts'
import { traceparentOf } from '../src/core/recorder.ts'
import type { RemoteContext } from '../src/core/recorder.ts'
import { disguise, wrapOnce } from '../src/core/disguise.ts'
import { parseTraceparent } from '../src/semantics/propagation.ts'
import { HANDOFF_VARIABLE } from './handoff-variable.ts'
import { namesAgent } from './preloads.ts'

// How a child process that loads the agent itself (fork and cluster: Node hands `--import` on; all with NODE_OPTIONS) learns the session,
// the process and the span it was started in: one variable in the child's environment, removed again before the child's app runs.
// The app's own `process.env`, the options it gives and the prototypes it sees are not touched.

export interface Handoff {
  /** Absolute folder of the session. */
  session: string
  /** The folder its settings start from; empty when a parent of another version does not say. */
  root: string
  /** The process instance that started this one. */
  instance: string
  /** Its settings, in which it has said what is wrong; empty when a parent of another version does not tell them. */
  settings: string
  /** The span that was current when it did. */
  origin: RemoteContext | undefined
}

/** Reads what the parent handed on; undefined when it is nothing of ours. */
export function takeHandoff(text: string | undefined): Handoff | undefined {
  if (text === undefined) return undefined
  return guard('handoff', () => {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { session, root, instance, settings, traceparent } = value as Record<string, unknown>
    if (typeof session !== 'string' || typeof instance !== 'string') return undefined
    return { session, root: textOr(root), instance, settings: textOr(settings), origin: parseTraceparent(traceparent) }
  })
}

function textOr(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

interface SpawnOptions {
  args?: string[]
  envPairs?: string[]
}

/** What this process tells its children of itself. */
interface Own {
  sessionDir: string
  root: string
  instance: string
  settings: string
}

/** Gives the handoff to every child process that will load the agent. */
export class ChildHandoff {
  private readonly own: Own
  private readonly agentFolder: string

  constructor(own: Own, bootFile: string) {
    this.own = own
    this.agentFolder = path.dirname(bootFile)
  }

  /** Also where the app never loads `child_process` itself (cluster): every child is published by its constructor, before it is started. */
  install(load: () => unknown): void {
    const prepare = (): void => {
      diagnosticsChannel.unsubscribe('child_process', prepare)
      guard('handoff', () => this.wrap(load() as Record<string, unknown>))
    }
    diagnosticsChannel.subscribe('child_process', prepare)
  }

  /** Wraps the functions of `child_process` that start something. To be done before the engine does: a child is started inside its span. */
  wrap(childProcess: Record<string, unknown>): void {
    const patch = (path: string, give: (args: unknown[]) => unknown[] | undefined): void => {
      patchPath(childProcess, path, (original) =>
        wrapOnce(original, HANDOFF, (fn) =>
          disguise(fn, (self, args) => Reflect.apply(fn, self, guard('handoff', () => give(args)) ?? args)),
        ),
      )
    }
    // `spawn`, `fork`, `exec`, `execFile` and cluster alike.
    patch('ChildProcess.prototype.spawn', (args) => this.describe(args))
    patch('spawnSync', (args) => this.withHandoff(args, true))
    patch('execFileSync', (args) => this.withHandoff(args, true))
    patch('execSync', (args) => this.withHandoff(args, false))
  }

  /** The options are Node's own copy of what the app gave. */
  private describe(given: unknown[]): undefined {
    const [options] = given as [SpawnOptions | undefined]
    const envPairs = options?.envPairs
    if (!Array.isArray(envPairs)) return
    const nodeOptions = envPairs.find((pair) => pair.startsWith('NODE_OPTIONS='))
    if (this.loadsAgent(options?.args ?? [], nodeOptions))
      envPairs.push(`${HANDOFF_VARIABLE}=${this.text(childTraceparent.take(options as object))}`)
  }

  /** The options are replaced by a copy whose environment has the handoff. */
  private withHandoff(given: readonly unknown[], hasArgs: boolean): unknown[] | undefined {
    const [, second] = given
    const at = hasArgs && (Array.isArray(second) || second === undefined || second === null) ? 2 : 1
    const options = given[at] ?? {}
    if (typeof options !== 'object') return undefined
    const env: unknown = (options as { env?: unknown }).env ?? process.env
    if (typeof env !== 'object' || env === null) return undefined
    const nodeOptions: unknown = (env as Record<string, unknown>)['NODE_OPTIONS']
    const flags = hasArgs && Array.isArray(second) ? (second as unknown[]).filter((arg) => typeof arg === 'string') : []
    if (!this.loadsAgent(flags, typeof nodeOptions === 'string' ? nodeOptions : undefined)) return undefined
    // Node takes inherited variables, too.
    const withText = { ...inherited(env), [HANDOFF_VARIABLE]: this.text() }
    const args = [...given]
    if (args.length < at) args.push(undefined)
    args[at] = { ...options, env: withText }
    return args
  }

  private text(ofChild?: string): string {
    const { sessionDir: session, root, instance, settings } = this.own
    const span = currentSpan()
    const isKnown = span !== undefined && (!span.ended || span.isElsewhere)
    const traceparent = ofChild ?? (isKnown ? traceparentOf(span) : undefined)
    return JSON.stringify({ session, root, instance, settings, traceparent })
  }

  private loadsAgent(args: readonly string[], nodeOptions: string | undefined): boolean {
    if (nodeOptions !== undefined && namesAgent(nodeOptions, this.agentFolder)) return true
    return args.some((arg, index) => {
      const flag = arg.startsWith('--import') || arg.startsWith('--require') || arg === '-r'
      return flag && namesAgent(arg.includes('=') ? arg : (args[index + 1] ?? ''), this.agentFolder)
    })
  }
}

const HANDOFF = {}

function inherited(env: object): Record<string, unknown> {
  const all: Record<string, unknown> = {}
  for (const key in env) all[key] = (env as Record<string, unknown>)[key]
  return all
}
