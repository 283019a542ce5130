// In which context a wrapped function runs, where its definition says so.
import { AsyncResource } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { currentSpan, runWith } from '../../src/core/context.ts'
import { binding, target } from '../../src/core/integration.ts'
import type { Call } from '../../src/core/integration.ts'
import { Recorder } from '../../src/core/recorder.ts'
import { Ring } from '../../src/core/ring.ts'
import type { Span } from '../../src/core/span.ts'
import type { Runtime } from '../../src/core/runtime.ts'
import { wrapTarget } from '../../src/core/wrap.ts'
import { wrapBinding } from '../../src/core/wrap-binding.ts'

const ring = new Ring({ capacity: 1 << 20, slots: 64 }, 0)
const recorder = new Recorder(ring, { payloadChars: 100, captureFlag: 0, sampleRate: 1 })
const runtime = { recorder, recording: true, fault: '', allowsPropagation: () => false } as unknown as Runtime
const spanOf = (name: string): Span => recorder.start(name, 'function', 'test', undefined, undefined, undefined)
const within = <T>(span: Span, fn: () => T): T => runWith(span, fn as never, undefined, [])
const nameNow = (): string | undefined => currentSpan()?.name

function wrapped(options: {
  insideOnly?: boolean
  callersContext?: boolean | ((call: Call) => boolean)
  events?: string[]
}): (...args: unknown[]) => string | undefined {
  const definition = target({ path: 'fn', versions: '*', settles: 'return', start: () => ({ name: 'call' }), ...options })
  const module = { name: 'test', version: '1.0.0' }
  return wrapTarget((() => nameNow()) as never, definition as never, 'function', 'test', module, runtime) as (
    ...args: unknown[]
  ) => string | undefined
}

describe('a wrapped function', () => {
  it('runs in its span', () => {
    expect([wrapped({})(), within(spanOf('caller'), wrapped({}))]).toEqual(['call', 'call'])
  })
  it('has no span outside of every span, where that is asked for', () => {
    expect([wrapped({ insideOnly: true })(), within(spanOf('caller'), wrapped({ insideOnly: true }))]).toEqual([undefined, 'call'])
  })
  it('runs in the context of its caller, where that is asked for', () => {
    expect([wrapped({ callersContext: true })(), within(spanOf('caller'), wrapped({ callersContext: true }))]).toEqual([
      undefined,
      'caller',
    ])
  })
  it('runs where the definition says for this very call, and in its span where the definition fails', () => {
    const call = wrapped({
      callersContext({ args: [how] }) {
        if (how === 'fails') throw new Error('asked in vain')
        return how === 'outside'
      },
    })
    expect(within(spanOf('caller'), () => [call('outside'), call('inside'), call('fails')])).toEqual(['caller', 'call', 'call'])
  })
  it('is looked at only for the events that are named', () => {
    const emit = wrapped({ events: ['close', 'end'] })
    expect(within(spanOf('caller'), () => [emit('close'), emit('data'), emit('end'), emit()])).toEqual(['call', 'caller', 'call', 'caller'])
  })
})

describe('a binding', () => {
  it('runs in the context its AsyncResource was made in', () => {
    const definition = binding({ path: 'fn', versions: '*', resource: 0 })
    const run = wrapBinding(((_task: unknown) => nameNow()) as never, definition, runtime) as (task: unknown) => string | undefined
    const task = within(spanOf('asker'), () => new AsyncResource('task'))
    expect(within(spanOf('other'), () => [run(task), run(undefined), nameNow()])).toEqual(['asker', 'other', 'other'])
  })
  it('gives an object that is used again its new context, where that is asked for', () => {
    const give = wrapBinding((() => nameNow()) as never, binding({ path: 'give', versions: '*', carries: 0, renews: true }), runtime)
    const take = wrapBinding((() => nameNow()) as never, binding({ path: 'take', versions: '*', carries: 0 }), runtime)
    const line = {}
    within(spanOf('first'), () => give(line))
    expect(take(line)).toBe('first')
    within(spanOf('second'), () => give(line))
    expect(take(line)).toBe('second')
  })
})
