import diagnosticsChannel from 'node:diagnostics_channel'
import path from 'node:path'
import { currentSpan } from '../src/core/context.ts'
import { guard } from '../src/core/guard.ts'
import { traceparentOf } from '../src/core/recorder.ts'
import type { RemoteContext } from '../src/core/recorder.ts'
import { parseTraceparent } from '../src/semantics/propagation.ts'
import { HANDOFF_VARIABLE } from './handoff-variable.ts'
import { namesAgent } from './preloads.ts'

// How a child process that loads the agent itself (fork and cluster: Node hands `--import` on; all with NODE_OPTIONS) learns the session,
// the process and the span it was started in: one variable in the child's environment, removed again before the child's app runs.
// The app's own `process.env`, the options it gives and the prototypes it sees are not touched.

export interface Handoff {
  /** Absolute folder of the session. */
  session: string
  /** The process instance that started this one. */
  instance: string
  /** The span that was current when it did. */
  origin: RemoteContext | undefined
}

/** Reads what the parent handed on; undefined when it is nothing of ours. */
export function takeHandoff(text: string | undefined): Handoff | undefined {
  if (text === undefined) return undefined
  return guard('handoff', () => {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { session, instance, traceparent } = value as Record<string, unknown>
    if (typeof session !== 'string' || typeof instance !== 'string') return undefined
    return { session, instance, origin: parseTraceparent(traceparent) }
  })
}

interface SpawnOptions {
  args?: string[]
  envPairs?: string[]
}
type Child = { spawn?(options: SpawnOptions): unknown }

/** Adds the handoff to every child process that will load the agent from `agentFolder`. */
export function installHandoff(own: { sessionDir: string; instance: string }, bootFile: string): void {
  const agentFolder = path.dirname(bootFile)
  // Published by the constructor, before `spawn`, for spawn, fork, exec and cluster alike; an own `spawn` of this one object, for one call.
  diagnosticsChannel.subscribe('child_process', (message) => {
    guard('handoff', () => {
      const { process: child } = message as { process: Child }
      const { spawn } = child
      if (typeof spawn !== 'function') return
      const once = function (this: Child, ...args: [SpawnOptions]): unknown {
        delete this.spawn
        guard('handoff', () => {
          const [options] = args
          if (Array.isArray(options?.envPairs) && loadsAgent(options, agentFolder)) options.envPairs.push(describe(own))
        })
        return Reflect.apply(spawn, this, args)
      }
      Object.defineProperty(child, 'spawn', { value: once, writable: true, enumerable: false, configurable: true })
    })
  })
}

function describe(own: { sessionDir: string; instance: string }): string {
  const span = currentSpan()
  const traceparent = span === undefined || (span.ended && !span.isElsewhere) ? undefined : traceparentOf(span)
  return `${HANDOFF_VARIABLE}=${JSON.stringify({ session: own.sessionDir, instance: own.instance, traceparent })}`
}

function loadsAgent(options: SpawnOptions, agentFolder: string): boolean {
  const fromArgs = options.args?.some((arg, index, all) => {
    const flag = arg.startsWith('--import') || arg.startsWith('--require') || arg === '-r'
    return flag && namesAgent(arg.includes('=') ? arg : (all[index + 1] ?? ''), agentFolder)
  })
  if (fromArgs === true) return true
  const nodeOptions = options.envPairs?.find((pair) => pair.startsWith('NODE_OPTIONS='))
  return nodeOptions !== undefined && namesAgent(nodeOptions, agentFolder)
}
