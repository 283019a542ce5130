// What messages need of the engine: links, context that travels in a message, an end that comes after a return.
import { describe, expect, it } from 'vitest'
import { target, type CallShape, type Outcome, type Target } from '../../src/core/integration.ts'
import type { Runtime } from '../../src/core/runtime.ts'
import { wrapTarget } from '../../src/core/wrap.ts'
import { parseTraceparent } from '../../src/semantics/propagation.ts'

type Definition<S extends CallShape> = Omit<Target<S>, 'type' | 'path' | 'versions'>

const traceparent = (n: number): string => `00-${String(n).padStart(32, '0')}-${String(n).padStart(16, '0')}-01`

/** A wrapped `fn` and what the engine told the recorder. */
function recorded<S extends CallShape>(definition: Definition<S>, fn: (...args: never[]) => unknown, propagatesMessages = true) {
  const links: number[] = []
  const ends: unknown[] = []
  const recorder = {
    start: () => ({ ended: false, weight: 1, idHigh: 0, idLow: 7, trace: { a: 0, b: 0, c: 0, d: 9, state: 'a=b' } }),
    link: (_span: unknown, _trace: unknown, _high: number, low: number) => links.push(low),
    end: (_span: unknown, isError: boolean, attributes: unknown) => ends.push([isError, attributes]),
    exception: () => undefined,
  }
  const runtime = {
    recorder,
    recording: true,
    fault: '',
    parseTraceparent,
    allowsPropagation: () => false,
    propagatesMessages,
  } as unknown as Runtime
  const whole = target<S>({ path: 'send', versions: '*', ...definition }) as unknown as Target<{ args: unknown[] }>
  const call = wrapTarget(fn as never, whole as never, 'messaging', 'lib', { name: 'lib', version: '1.0.0' }, runtime)
  return { call, links, ends }
}

describe('links', () => {
  it('are recorded at the start and at the end; what is no context is left out', () => {
    const { call, links } = recorded(
      {
        settles: 'return',
        start: () => ({ name: 'process', links: [1, 2].map((n) => ({ traceparent: traceparent(n) })) }),
        end: () => ({ links: [{ traceparent: undefined }, { traceparent: 'none' }, { traceparent: traceparent(3) }] }),
      },
      () => undefined,
    )
    call()
    expect(links).toEqual([1, 2, 3])
  })
})

describe('context in a message', () => {
  const injecting: Definition<{ args: [headers: object] }> = {
    settles: 'return',
    carrier: 'message',
    start: () => ({ name: 'send' }),
    inject({ args }, given, tracestate) {
      args[0] = { ...args[0], given, tracestate }
    },
  }
  it('is there without an allow list, in a copy of what the app gave', () => {
    const { call } = recorded(injecting, (headers: object) => headers)
    const headers = { a: 1 }
    expect(call(headers)).toEqual({ a: 1, given: `00-${'9'.padStart(32, '0')}-${'7'.padStart(16, '0')}-01`, tracestate: 'a=b' })
    expect(headers).toEqual({ a: 1 })
  })
  it('can be switched off', () => {
    const { call } = recorded(injecting, (headers: object) => headers, false)
    expect(call({ a: 1 })).toEqual({ a: 1 })
  })
  it('costs neither the call nor its span when it cannot be put in', () => {
    const failing = () => {
      throw new Error('frozen')
    }
    const { call, ends } = recorded({ ...injecting, inject: failing }, (headers: object) => headers)
    expect(call({ a: 1 })).toEqual({ a: 1 })
    expect(ends).toEqual([[false, undefined]])
  })
  it('does not go to hosts that are not allowed when the carrier is a request', () => {
    const { carrier: _, ...request } = injecting
    const { call } = recorded(request, (headers: object) => headers)
    expect(call({ a: 1 })).toEqual({ a: 1 })
  })
})

describe('a handler that may give a promise', () => {
  const handler = (fn: () => unknown) => {
    const finish: ((outcome: Outcome) => void)[] = []
    return {
      finish,
      ...recorded({ settles: 'promise', start: () => ({ name: 'process' }), observe: (_call, _result, end) => finish.push(end) }, fn),
    }
  }
  it('ends with its promise', async () => {
    const { call, ends, finish } = handler(() => Promise.resolve(1))
    const result = call()
    expect(ends).toEqual([])
    expect(await result).toBe(1)
    expect([ends, finish]).toEqual([[[false, undefined]], []])
  })
  it('ends when `observe` says so where it gives none', () => {
    const { call, ends, finish } = handler(() => 'value')
    expect(call()).toBe('value')
    expect(ends).toEqual([])
    finish[0]?.({ ok: true, result: undefined })
    expect(ends).toEqual([[false, undefined]])
  })
})
