// A library's own TracingChannel: what runs inside becomes part of the span, a stream that it gives ends it.
import diagnosticsChannel from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { currentSpan } from '../../src/core/context.ts'
import { Engine } from '../../src/core/engine.ts'
import { channel, defineIntegration } from '../../src/core/integration.ts'
import type { Span } from '../../src/core/span.ts'
import type { Runtime } from '../../src/core/runtime.ts'

interface Message {
  name: string
  result?: unknown
}

const ended: string[] = []
const recorder = {
  start: (name: string, ...rest: unknown[]) => {
    const parent = rest[4] as Span | undefined
    return { name: parent === undefined ? name : `${parent.name} > ${name}`, ended: false, trace: {}, startNs: 0, notes: undefined }
  },
  note: (span: { notes: unknown }, attributes: object) => {
    span.notes = { ...(span.notes as object | undefined), ...attributes }
  },
  end: (span: Span) => {
    span.ended = true
    const end = (span as { notes?: Record<string, unknown> }).notes?.['perf.stream.end']
    ended.push(typeof end === 'string' ? `${span.name}: ${end}` : span.name)
  },
  fact: () => undefined,
  ring: { count: () => undefined },
}
const runtime = { recorder, recording: true, fault: '', allowsPropagation: () => false } as unknown as Runtime
const integration = defineIntegration({
  name: 'lib',
  module: 'lib',
  kind: 'ai',
  records: { spans: [], attributes: [], against: 'nothing' },
  targets: [
    channel<Message>({
      name: 'lib:work',
      versions: '*',
      nests: true,
      start: ({ name }) => (name === 'none' ? undefined : { name }),
      stream: { state: () => undefined as never, chunk: () => undefined, finish: () => undefined, from: 'stream' },
    }),
  ],
})
new Engine({
  registry: [{ name: 'lib', modules: ['lib'], kind: 'ai' }],
  runtime,
  loadIntegration: () => integration,
  satisfies: () => true,
  isEnabled: () => true,
}).moduleLoaded({}, { name: 'lib', version: '1.0.0', file: undefined, format: 'cjs' })

const work = diagnosticsChannel.tracingChannel<unknown, Message>('lib:work')
const run = <T>(name: string, fn: () => Promise<T>): Promise<T> => work.tracePromise(fn, { name })
const tick = () => new Promise((resolve) => setTimeout(resolve, 1))

describe('a channel that nests', () => {
  it('makes what runs inside children, across await, and leaves the caller as it was', async () => {
    ended.length = 0
    let within: string | undefined
    await run('outer', async () => {
      await tick()
      await run('inner', tick)
      await run('none', async () => {
        await tick()
        within = currentSpan()?.name
      })
    })
    expect(currentSpan()).toBeUndefined()
    expect([ended, within]).toEqual([['outer > inner', 'outer'], 'outer'])
  })
  it('ends the span with the stream that came out', async () => {
    ended.length = 0
    const open = () =>
      run('call', () => Promise.resolve({ stream: new ReadableStream<number>({ start: (controller) => controller.enqueue(1) }) }))
    const { stream } = await open()
    expect(ended).toEqual([])
    await stream.cancel()
    expect(ended).toEqual(['call: early'])
    await run('plain', () => Promise.resolve('text'))
    expect(ended).toEqual(['call: early', 'plain'])
  })
})
