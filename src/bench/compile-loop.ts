import { compileFunction } from 'node:vm'

/** Calls an implementation `count` times, with the one input or, with `isFresh`, with one of its own each time. */
export type Loop = (input: unknown, count: number) => unknown

/** Where results go, so that no compiler can leave a call out. */
const sink: { value: unknown } = { value: undefined }

let compiled = 0

/**
 * A loop of its own for one implementation. Loops that share their code share what V8 learned of it: an implementation would be
 * inlined or not depending on the others that were measured before. The comment keeps V8 from sharing equal sources. Works with
 * --disallow-code-generation-from-strings, too.
 */
export function compileLoop(call: (input: never) => unknown, { isAsync, isFresh }: { isAsync: boolean; isFresh: boolean }): Loop {
  const body = `return ${isAsync ? 'async ' : ''}function loop(input, count) { /* ${++compiled} */
    for (let i = 0; i < count; i++) sink.value = ${isAsync ? 'await ' : ''}call(${isFresh ? 'input[i]' : 'input'})
  }`
  const make = compileFunction(body, ['call', 'sink']) as (call: unknown, sink: unknown) => Loop
  return make(call, sink)
}
