import { createRequire } from 'node:module'
import { takeHandoff } from './handoff.ts'
import { startAgent } from './start.ts'

/** Starts the agent in this thread under the global `key`; `handoff` is what the parent process handed on. May throw. */
export function boot(key: symbol, handoff: string | undefined): void {
  startAgent(key, createRequire(__filename), __filename, takeHandoff(handoff))
}
