import { createRequire } from 'node:module'
import { isMainThread, isInternalThread, parentPort } from './threads.ts'
import { isSupportedNode } from '../loaders/node-versions.ts'
import { startAgent } from './start.ts'
import { isNotAnApp } from './skip.ts'

// Runs once per thread, before the app: `--import`, `--require` and NODE_OPTIONS all end here. Whatever goes wrong, the app
// runs as if the agent were absent, with one line on stderr.

const KEY = Symbol.for('perf.agent.v1')

function boot(): void {
  // Preloads run in the thread of asynchronous loader hooks, too; hooking there crashes some Node versions.
  const inLoaderThread = isInternalThread || (!isMainThread && parentPort === null)
  if (inLoaderThread || KEY in globalThis || isNotAnApp(process.argv[1])) return
  if (!isSupportedNode(process.versions.node)) {
    sayOnce(`Node ${process.versions.node} is older than 20.19; the app runs without recording.`)
    return
  }
  try {
    startAgent(KEY, createRequire(__filename), __filename)
  } catch (error) {
    sayOnce(`could not start, the app runs without recording: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function sayOnce(text: string): void {
  if (process.env['PERF_LOG'] === 'silent') return
  try {
    process._rawDebug(`[perf-agent] ${text.replaceAll('\n', ' ')}`)
  } catch {
    // a closed stderr is the app's business
  }
}

boot()
