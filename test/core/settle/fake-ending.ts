// A span's end without the engine: what a settling strategy did to it, and a way to hook a library's targets in this process.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Attributes, Integration, Outcome, Payload, SpanEnd, SpanStart, StreamReading, Target } from '../../../src/core/integration.ts'
import type { Ending } from '../../../src/core/settle/ending.ts'
import { settleLazy } from '../../../src/core/settle/lazy.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

export const current = new AsyncLocalStorage<FakeEnding>()

/** Remembers how it ended. */
export class FakeEnding implements Ending {
  readonly name: string
  readonly startMs = performance.now()
  readonly attributes: Attributes = {}
  readonly payloads: Payload[] = []
  readonly faults: string[] = []
  streamReading: StreamReading<unknown> | undefined
  ended = false
  /** Calls of `end`, the ignored ones too. */
  ends = 0
  outcome: Outcome | undefined
  status: 'unset' | 'error' = 'unset'
  errorType: string | undefined
  private readonly endOf: ((outcome: Outcome) => SpanEnd | undefined) | undefined

  constructor(start: SpanStart = { name: 'call' }, stream?: StreamReading<unknown>, endOf?: (outcome: Outcome) => SpanEnd | undefined) {
    this.name = start.name
    this.streamReading = stream
    this.endOf = endOf
    Object.assign(this.attributes, start.attributes)
    this.payloads.push(...(start.payloads ?? []))
  }

  end(outcome: Outcome, more?: SpanEnd): void {
    this.ends++
    if (this.ended) return
    this.ended = true
    this.outcome = outcome
    const given = this.endOf?.(outcome)
    for (const part of [given, more]) {
      for (const [key, value] of Object.entries(part?.attributes ?? {})) if (value !== undefined) this.attributes[key] = value
      this.payloads.push(...(part?.payloads ?? []))
    }
    this.status = (more?.status ?? given?.status ?? (outcome.ok ? 'unset' : 'error')) === 'error' ? 'error' : 'unset'
    this.errorType = more?.errorType ?? given?.errorType
  }

  note(attributes: Attributes): void {
    Object.assign(this.attributes, attributes)
  }

  nowMs(): number {
    return performance.now()
  }

  runInContext<T>(fn: () => T): T {
    return current.run(this, fn)
  }

  guard<T>(where: string, fn: () => T): T | undefined {
    try {
      return fn()
    } catch (error) {
      this.faults.push(`${where}: ${String(error)}`)
      return undefined
    }
  }
}

/** Hooks every target of `definition` found in `exports`; gives the list that calls are added to. */
export function hook(definition: Integration, exports: object): FakeEnding[] {
  const calls: FakeEnding[] = []
  for (const entry of definition.targets as unknown as AnyTarget[]) {
    const keys = entry.path.split('.')
    const method = keys.pop() ?? ''
    const owner = keys.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], exports) as
      Record<string, AnyFunction> | undefined
    const original = owner?.[method]
    if (owner === undefined || original === undefined) continue
    owner[method] = function (this: unknown, ...args: unknown[]) {
      const call = { self: this, args, module: { name: '', version: '' } }
      const start = entry.start(call)
      if (start === undefined) return Reflect.apply(original, this, args)
      const ending = new FakeEnding(start, entry.stream as unknown as StreamReading<unknown>, (outcome) => entry.end?.(call, outcome))
      calls.push(ending)
      return settleLazy(
        ending,
        ending.runInContext(() => Reflect.apply(original, this, args)),
      )
    }
  }
  return calls
}

/** Collects garbage until `isDone`, for at most half a minute. */
export async function collectUntil(isDone: () => boolean): Promise<void> {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let i = 0; i < 1500 && !isDone(); i++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
