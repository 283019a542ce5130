// The smallest runtime for transformed tool files: notes every call and passes it on.
import { writeFileSync } from 'node:fs'
import { createToolRuntime, type AnyFunction } from '../../../src/core/tool-runtime.ts'

const calls: string[] = []

const tools = createToolRuntime((original: AnyFunction, meta) => {
  return function (this: unknown, ...args: unknown[]): unknown {
    calls.push(meta.name)
    return Reflect.apply(original, this, args)
  }
})

Object.assign(globalThis, { [Symbol.for('perf.agent.v1')]: { tools } })
process.on('exit', () => writeFileSync(process.env['CALLS_FILE'] ?? '', JSON.stringify(calls)))
