import { currentSpan } from './context.ts'
import { guard } from './guard.ts'
import { resultTarget, runActive } from './hand.ts'
import type { SpanStart } from './integration.ts'
import { createToolRuntime } from './tool-runtime.ts'
import type { AnyFunction, ToolFileMeta, ToolMeta, ToolRuntime } from './tool-runtime.ts'
import { ActiveCall, planOf } from './active-call.ts'
import type { Runtime } from './runtime.ts'
import { compileOnce } from './see-thrown.ts'
import { startSpan } from './span-life.ts'

const INTEGRATION = 'tools'
const toolTarget = resultTarget('tool')
const MODULE = { name: 'tools', version: '0.0.0' }

/** The runtime behind functions wrapped by `PERF_TOOLS`: one span of layer `tool` per call, tied to the function's variant. */
export function createTools(runtime: Runtime): ToolRuntime {
  // A class field's function is wrapped once per instance; its variant is one.
  const described = new WeakSet<object>()
  return createToolRuntime((original: AnyFunction, meta: ToolFileMeta & ToolMeta): AnyFunction => {
    if (!described.has(meta)) {
      described.add(meta)
      runtime.recorder.fact('variant', { ...meta, layer: 'tool', source: sourceOf(original) })
    }
    const attributes = {
      'gen_ai.tool.name': meta.name,
      'code.function.name': meta.name,
      'code.file.path': meta.file,
      'code.line.number': meta.line,
    }
    return function (this: unknown, ...args: unknown[]): unknown {
      const active = runtime.recording ? guard(INTEGRATION, () => begin(runtime, meta, attributes, this, args)) : undefined
      return active === undefined
        ? Reflect.apply(original, this, args)
        : runActive(active, original as (...args: unknown[]) => unknown, this, args)
    }
  })
}

const functionToString = Function.prototype.toString

/** What the app runs; the writer prefers the text in the user's file. */
function sourceOf(fn: AnyFunction): string {
  return functionToString.call(fn).slice(0, 16_384)
}

function begin(runtime: Runtime, meta: ToolMeta, attributes: SpanStart['attributes'], self: unknown, args: unknown[]): ActiveCall {
  const started: SpanStart = {
    name: meta.name,
    attributes,
    payloads: args.length === 0 ? undefined : [{ role: 'tool.arguments', value: args.length === 1 ? args[0] : args }],
  }
  compileOnce()
  const span = startSpan(started, 'tool', INTEGRATION, currentSpan(), runtime)
  span.variant = meta.hash
  return new ActiveCall(span, INTEGRATION, runtime, planOf(toolTarget), { self, args, module: MODULE }, undefined)
}
