import { currentSpan, runWith, storageRun, storesSpans } from './context.ts'
import { noteFault } from './guard.ts'
import type { Span } from './span.ts'

// An error that passes through a recorded call is to be seen, and to keep the place it was thrown at: of what JavaScript catches and throws again,
// Node prints the second throw above the stack when nobody catches it. WebAssembly's `rethrow` keeps the first. Where it cannot catch
// errors of JavaScript (Node 20 has no `WebAssembly.JSTag`, `--jitless` no WebAssembly), they are caught and thrown again.

/** Calls `apply(fn, self, args)` with `span` as the current one. */
type Run = (span: Span | undefined, apply: typeof Reflect.apply, fn: unknown, self: unknown, args: readonly unknown[]) => unknown
type Apply = (fn: unknown, self: unknown, args: readonly unknown[]) => unknown

/** Calls that note what passes through them, for `takeThrown`. */
interface SeeingCalls {
  run: Run
  apply: Apply
}

let thrown: { error: unknown } | undefined
let calls: SeeingCalls | undefined
let observedCalls: SeeingCalls | undefined

/** `run` and `apply` for a call whose error is to be seen. They add no frame to the stack that `runWith` would not add. */
export function seeingCalls(): SeeingCalls {
  if (storesSpans()) return (calls ??= makeCalls(storageRun as Run))
  return (observedCalls ??= makeCalls((span, _apply, fn, self, args) => runWith(span, fn as () => unknown, self, args)))
}

/** Makes `seeingCalls` ready. Called before a span starts: WebAssembly takes 1 to 4 ms to compile, which would be the first one's time. */
export function compileOnce(): void {
  if (calls === undefined) seeingCalls()
}

/** The error that is passing, for the `finally` it passes, once; undefined where it could not be seen (a stack overflow in between). */
export function takeThrown(): { error: unknown } | undefined {
  const last = thrown
  thrown = undefined
  return last
}

// Runs between `catch` and `rethrow`: an error caught in here would take the place of the one that passes.
function see(error: unknown): void {
  thrown = { error }
}

const { WebAssembly: wasm } = globalThis as { WebAssembly?: Wasm }

interface Wasm {
  JSTag?: object
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: unknown }
}

function makeCalls(run: Run): SeeingCalls {
  if (wasm?.JSTag !== undefined) {
    try {
      const imports = { perf: { run, apply: Reflect.apply, see, error: wasm.JSTag } }
      const made = new wasm.Instance(new wasm.Module(moduleBytes()), imports).exports as SeeingCalls
      // Functions and the way out of them are compiled at their first call.
      made.apply(Boolean, undefined, [])
      made.run(currentSpan(), Reflect.apply, Boolean, undefined, [])
      return made
    } catch (error) {
      noteFault('see-thrown', error)
    }
  }
  return {
    run(span, apply, fn, self, args) {
      try {
        return run(span, apply, fn, self, args)
      } catch (error) {
        see(error)
        throw error
      }
    },
    apply(fn, self, args) {
      try {
        return Reflect.apply(fn as () => unknown, self, args)
      } catch (error) {
        see(error)
        throw error
      }
    },
  }
}

const EXTERNREF = 0x6f
const FUNCTION_TYPE = 0x60
const TAG_IMPORT = 0x04

/**
 * (module $perf-agent
 *   (import "perf" "run"   (func $run   (param externref externref externref externref externref) (result externref)))
 *   (import "perf" "apply" (func $apply (param externref externref externref) (result externref)))
 *   (import "perf" "see"   (func $see   (param externref)))
 *   (import "perf" "error" (tag $error  (param externref)))
 *   (func (export "run") (param externref externref externref externref externref) (result externref)
 *     try (result externref) local.get 0 … local.get 4 call $run catch $error call $see rethrow 0 end)
 *   (func (export "apply") … the same of $apply))
 */
function moduleBytes(): Uint8Array {
  const text = (value: string): number[] => [value.length, ...Buffer.from(value)]
  const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content]
  const type = (parameters: number, ...results: number[]): number[] => [
    FUNCTION_TYPE,
    parameters,
    ...Array<number>(parameters).fill(EXTERNREF),
    results.length,
    ...results,
  ]
  const imported = (name: string, ...what: number[]): number[] => [...text('perf'), ...text(name), ...what]
  const body = (parameters: number, called: number): number[] => {
    const pushed = Array.from({ length: parameters }, (_, i) => [0x20, i]).flat()
    const code = [0, 0x06, EXTERNREF, ...pushed, 0x10, called, 0x07, 0, 0x10, 2, 0x09, 0, 0x0b, 0x0b]
    return [code.length, ...code]
  }
  const magic = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  const imports = [imported('run', 0, 0), imported('apply', 0, 1), imported('see', 0, 2), imported('error', TAG_IMPORT, 0, 2)]
  const names = [section(0, ...text('perf-agent')), section(1, 2, 3, ...text('run'), 4, ...text('apply'))]
  return Uint8Array.from([
    magic,
    section(1, 3, ...type(5, EXTERNREF), ...type(3, EXTERNREF), ...type(1)),
    section(2, imports.length, ...imports.flat()),
    section(3, 2, 0, 1),
    section(7, 2, ...text('run'), 0, 3, ...text('apply'), 0, 4),
    section(10, 2, ...body(5, 0), ...body(3, 1)),
    // For stacks and profiles.
    section(0, ...text('name'), ...names.flat()),
  ].flat()) // prettier-ignore
}
