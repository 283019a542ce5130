import fs from 'node:fs'
import Module, { createRequire } from 'node:module'
import path from 'node:path'
import vm from 'node:vm'
import { isSupportedNode } from '../loaders/node-versions.ts'
import { HANDOFF_VARIABLE } from './handoff-variable.ts'
import { isNotAnApp } from './skip.ts'
import { isMainThread, isInternalThread, parentPort } from './threads.ts'

// Runs once per thread, before the app: `--import`, `--require` and NODE_OPTIONS all end here. Whatever goes wrong, the app
// runs as if the agent were absent, with one line on stderr. Compiled for old versions of Node, which get that line, too.

const KEY = Symbol.for('perf.agent.v1')

/**
 * The name under which the agent's code stands in stack traces. Node prints some deprecation warnings (`punycode`, `Buffer()`,
 * `url.parse()`) only where the innermost frame that is not its own is outside node_modules: frames between the app and Node must not
 * count, and only names like this one do not (Node 20 skips what is no path, 22 and later what begins with `node:`).
 */
const NAME_IN_STACKS = 'node:perf-agent/boot'

type Boot = typeof import('./boot.ts')

function register(): void {
  // Preloads run in the thread of asynchronous loader hooks, too; hooking there crashes some Node versions.
  const inLoaderThread = isInternalThread || (!isMainThread && parentPort === null)
  if (inLoaderThread || KEY in globalThis) return
  const handoff = process.env[HANDOFF_VARIABLE]
  if (handoff !== undefined) delete process.env[HANDOFF_VARIABLE]
  if (isNotAnApp(process.argv[1])) return
  if (!isSupportedNode(process.versions.node)) {
    say(`Node ${process.versions.node} is older than 20.19; the app runs without recording.`)
    return
  }
  try {
    loadBoot(path.join(__dirname, 'boot.cjs')).boot(KEY, handoff)
  } catch (error) {
    say(`could not start, the app runs without recording: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function loadBoot(file: string): Boot {
  const compiled = vm.compileFunction(fs.readFileSync(file, 'utf8'), ['exports', 'require', 'module', '__filename', '__dirname'], {
    filename: NAME_IN_STACKS,
  })
  const own = new Module(file)
  own.filename = file
  Reflect.apply(compiled, own.exports, [own.exports, createRequire(file), own, file, __dirname])
  return own.exports as Boot
}

function say(text: string): void {
  // A worker thread would say what its main thread said already.
  if (process.env['PERF_LOG'] === 'silent' || !isMainThread) return
  try {
    process._rawDebug(`[perf-agent] ${text.replace(/\s*\n\s*/g, ' ')}`)
  } catch {
    // a closed stderr is the app's business
  }
}

register()
