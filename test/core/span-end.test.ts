// A span ends whatever its outcome is.
import { expect, it } from 'vitest'
import { Recorder } from '../../src/core/recorder.ts'
import { Ring } from '../../src/core/ring.ts'
import type { Runtime } from '../../src/core/runtime.ts'
import { endSpan } from '../../src/core/span-life.ts'

it('a span whose error cannot be read ends as failed', () => {
  const recorder = new Recorder(new Ring({ capacity: 1 << 20, slots: 64 }, 0), { payloadChars: 1024, captureFlag: 0, sampleRate: 1 })
  const span = recorder.start('fails', 'function', 'test', undefined, { a: 1 }, undefined)
  const ended: boolean[] = []
  recorder.onEnd = (one) => ended.push(one === span)
  const refuse = (): never => {
    throw new Error('refused')
  }
  const error = new Proxy(new Error('hidden'), { getOwnPropertyDescriptor: refuse, getPrototypeOf: refuse })
  expect(() => endSpan({ recorder } as Runtime, span, { ok: false, error })).toThrow('refused')
  expect([ended, span.ended]).toEqual([[true], true])
})
