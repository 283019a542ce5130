import Module from 'node:module'
import path from 'node:path'
import { guard } from '../src/core/guard.ts'

// How a child process that loads the agent itself (fork, cluster: Node hands `--import` on) learns the session of its parent:
// one variable in the child's environment, removed again before the child's app runs. The app's own `process.env` is not touched.

const VARIABLE = 'PERF_AGENT_HANDOFF'

export interface Handoff {
  session: string
  instance: string
}

/** What the parent handed on; the variable is gone afterwards. */
export function takeHandoff(): Handoff | undefined {
  const text = process.env[VARIABLE]
  if (text === undefined) return undefined
  delete process.env[VARIABLE]
  return guard('handoff', () => {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { session, instance } = value as Partial<Handoff>
    return typeof session === 'string' && typeof instance === 'string' ? { session, instance } : undefined
  })
}

interface SpawnOptions {
  args?: string[]
  envPairs?: string[]
}

/** Adds the handoff to children that will load the agent. `child_process` is only touched when the app loads it. */
export function installHandoff(own: { sessionDir: string; instance: string }, bootFile: string): void {
  const value = `${VARIABLE}=${JSON.stringify({ session: own.sessionDir, instance: own.instance } satisfies Handoff)}`
  const agentFolder = path.dirname(bootFile)
  const load = Module.prototype.require
  let done = false
  const patch = (): void => {
    if (done) return
    done = true
    guard('handoff', () => {
      const { ChildProcess } = Reflect.apply(load, module, ['node:child_process']) as {
        ChildProcess: { prototype: { spawn(options: SpawnOptions): unknown } }
      }
      const { spawn } = ChildProcess.prototype
      ChildProcess.prototype.spawn = function (this: unknown, options: SpawnOptions): unknown {
        guard('handoff', () => {
          if (Array.isArray(options?.envPairs) && loadsAgent(options, agentFolder)) options.envPairs.push(value)
        })
        return Reflect.apply(spawn, this, [options])
      }
    })
  }
  onChildProcessLoad(patch)
}

/** `ChildProcess.prototype.spawn` is one method for spawn, fork, exec and cluster; patching it costs a load of `child_process`. */
function onChildProcessLoad(patch: () => void): void {
  if (process.moduleLoadList?.includes('NativeModule child_process')) {
    patch()
    return
  }
  watchers.push(patch)
}

const watchers: (() => void)[] = []

/** Called by the module hooks when the app loads `child_process` or `cluster`. */
export function childProcessLoaded(): void {
  for (const watcher of watchers.splice(0)) watcher()
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

function namesAgent(text: string, agentFolder: string): boolean {
  return text.includes('@perf/agent') || text.includes(agentFolder) || text.includes(encodeURI(agentFolder))
}
