// The six ends of a stream, for the SDKs' streams, iterators, web streams and Node streams.
import { createRequire } from 'node:module'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { installedModules, versionsFor } from '../../../scripts/install-versions.mjs'
import { settleStream } from '../../../src/core/settle/stream.ts'
import anthropic from '../../../src/integrations/anthropic.ts'
import openai from '../../../src/integrations/openai.ts'
import { startAnthropicServer } from '../../servers/anthropic.ts'
import { startOpenAIServer } from '../../servers/openai.ts'
import type { ScriptedServer } from '../../servers/openai.ts'
import { collectUntil, current, FakeEnding, hook } from './fake-ending.ts'

type Streaming = AsyncIterable<object> & {
  controller: AbortController
  tee(): [AsyncIterable<object>, AsyncIterable<object>]
  toReadableStream(): ReadableStream
}
type Open = (prompt: string, options?: object) => Promise<Streaming>
type Create = { create(body: object, options?: object): Promise<Streaming> }

const body = (content: string) => ({ model: 'gpt-4o', max_tokens: 64, stream: true, messages: [{ role: 'user', content }] })
const chat = (sdk: Record<string, unknown>, url: string): Open => {
  const client = new (sdk['OpenAI'] as new (options: object) => { chat: { completions: Create } })({
    apiKey: 'k',
    baseURL: `${url}/v1`,
    maxRetries: 0,
  })
  return (prompt, options) => client.chat.completions.create({ ...body(prompt), stream_options: { include_usage: true } }, options)
}
const responses = (sdk: Record<string, unknown>, url: string): Open => {
  const client = new (sdk['OpenAI'] as new (options: object) => { responses: Create })({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 })
  return (input, options) => client.responses.create({ model: 'gpt-4o', stream: true, input }, options)
}
const messages = (sdk: Record<string, unknown>, url: string): Open => {
  const client = new (sdk['Anthropic'] as new (options: object) => { messages: Create })({ apiKey: 'k', baseURL: url, maxRetries: 0 })
  return (prompt, options) => client.messages.create(body(prompt), options)
}
const openaiVersions = versionsFor('openai', 26)
const apis = [
  ...openaiVersions.map((version) => ({ api: 'chat', lib: 'openai', version, definition: openai, serve: startOpenAIServer, openOf: chat })),
  ...openaiVersions
    .filter((version) => version !== '4.20.0')
    .map((version) => ({ api: 'responses', lib: 'openai', version, definition: openai, serve: startOpenAIServer, openOf: responses })),
  ...versionsFor('@anthropic-ai/sdk', 26).map((version) => ({
    api: 'messages',
    lib: '@anthropic-ai/sdk',
    version,
    definition: anthropic,
    serve: startAnthropicServer,
    openOf: messages,
  })),
]

describe.each(apis)('$api of $lib $version', ({ api, lib, version, definition, serve, openOf }) => {
  let server: ScriptedServer
  let open: Open
  let bare: Open
  let calls: FakeEnding[]
  const only = () => {
    expect(calls).toHaveLength(1)
    expect(calls[0]?.faults).toEqual([])
    return calls[0] as FakeEnding
  }
  const ended = (end: string) => {
    expect(only()).toMatchObject({ ended: true, ends: 1, status: end === 'error' ? 'error' : 'unset' })
    expect(only().attributes['perf.stream.end']).toBe(end)
    return only().attributes
  }

  beforeAll(async () => {
    server = await serve()
    const load = createRequire(path.join(installedModules(`${lib}@${version}`), 'x.js'))
    bare = openOf(load(lib) as Record<string, unknown>, server.url)
    for (const file of Object.keys(load.cache)) if (file.includes(`${path.sep}${lib}`)) delete load.cache[file]
    const sdk = load(lib) as Record<string, unknown>
    calls = hook(definition, sdk)
    open = openOf(sdk, server.url)
  })
  beforeEach(() => {
    calls.length = 0
    server.requests.length = 0
  })
  afterAll(() => server.close())

  it('complete: the same chunks, usage as the provider sent it, times', async () => {
    const prompt = '[[words:12]] [[usage:100,20,64]] [[gap:2]]'
    const stream = await open(prompt)
    const plain = await bare(prompt)
    expect(stream.constructor.name).toBe('Stream')
    expect(Object.keys(stream)).toEqual(Object.keys(plain))
    expect(only().ended).toBe(false)
    const seen = await drain(stream)
    expect(withoutIds(seen)).toEqual(withoutIds(await drain(plain)))
    const attributes = ended('complete')
    expect(attributes['perf.stream.chunks']).toBe(seen.length)
    expect(attributes['gen_ai.usage.output_tokens']).toBe(20)
    expect(attributes['gen_ai.usage.input_tokens']).toBe(api === 'messages' ? 164 : 100)
    expect(attributes['gen_ai.usage.cache_read.input_tokens']).toBe(64)
    expect(attributes['gen_ai.response.finish_reasons']).toEqual([{ chat: 'stop', responses: 'completed', messages: 'end_turn' }[api]])
    expect(attributes['gen_ai.response.time_to_first_chunk']).toBeGreaterThan(0)
    expect(attributes['gen_ai.response.time_to_first_chunk']).toBeLessThan(30)
    expect(attributes['perf.stream.time_to_first_content_ms']).toBeGreaterThan(0)
    expect(attributes['perf.stream.max_gap_ms']).toBeGreaterThan(0)
    expect(attributes['perf.stream.mean_gap_ms']).toBeLessThanOrEqual(attributes['perf.stream.max_gap_ms'] as number)
    expect(attributes['perf.ai.usage.partial']).toBeUndefined()
    expect(only().payloads.map(({ role }) => role)).toEqual(['gen_ai.input.messages', 'gen_ai.output.messages'])
  })

  it('early: break', async () => {
    for await (const chunk of await open('[[words:30]] [[gap:2]]')) if (chunk) break
    expect(ended('early')['perf.stream.chunks']).toBe(1)
    await until(() => server.requests[0]?.aborted === true)
    expect(server.requests[0]?.aborted).toBe(true)
  })

  it('early: a throw in the loop of the app', async () => {
    const looped = (async () => {
      for await (const chunk of await open('[[words:30]] [[gap:2]]')) if (chunk) throw new Error('of the app')
    })()
    await expect(looped).rejects.toThrow('of the app')
    ended('early')
  })

  it('abort: by the controller, inside the loop', async () => {
    const stream = await open('[[words:30]] [[gap:2]] [[usage:100,20]]')
    let chunks = 0
    for await (const chunk of stream) if (chunk && ++chunks === 4) stream.controller.abort()
    const attributes = ended('abort')
    if (api === 'messages') expect(attributes).toMatchObject({ 'gen_ai.usage.input_tokens': 100, 'perf.ai.usage.partial': true })
    else expect(attributes['gen_ai.usage.input_tokens']).toBeUndefined()
  })

  it('abort: by the signal of the request, while a chunk is awaited', async () => {
    const abort = new AbortController()
    const stream = await open('[[words:30]] [[gap:300]]', { signal: abort.signal })
    setTimeout(() => abort.abort(), 50)
    await drain(stream).catch(() => undefined)
    ended('abort')
  })

  it('abort: without reading on', async () => {
    const stream = await open('[[words:30]] [[gap:20]]')
    const iterator = stream[Symbol.asyncIterator]()
    await iterator.next()
    stream.controller.abort()
    expect(ended('abort')['perf.stream.chunks']).toBe(1)
    await iterator.next().catch(() => undefined)
  })

  it('error: the connection breaks', async () => {
    const prompt = '[[words:30]] [[disconnect:5]]'
    const error = await open(prompt)
      .then(drain)
      .catch((reason: unknown) => reason)
    const plain = await bare(prompt)
      .then(drain)
      .catch((reason: unknown) => reason)
    expect(String(error)).toBe(String(plain))
    expect(only().outcome).toEqual({ ok: false, error })
    ended('error')
  })

  it('error: the provider says so in the stream', async ({ skip }) => {
    // openai 4.20 leaves out the provider's error event without a word.
    if (version === '4.20.0') return skip('openai 4.20.0 leaves such an event out')
    const result = await open('[[words:30]] [[error:5]]')
      .then(drain)
      .catch((reason: unknown) => reason)
    expect(only()).toMatchObject({ ended: true, status: 'error' })
    expect(only().errorType ?? (result as Error).constructor.name).toMatch(/error/i)
  })

  it('complete: both branches of tee() are one stream', async () => {
    const stream = await open('[[words:12]] [[usage:100,20]]')
    const [left, right] = stream.tee()
    const [a, b] = await Promise.all([drain(left), drain(right)])
    expect(a).toEqual(b)
    const attributes = ended('complete')
    expect(attributes['perf.stream.chunks']).toBe(a.length)
    expect(attributes['gen_ai.usage.output_tokens']).toBe(20)
  })

  it('complete and early: toReadableStream()', async () => {
    const text = await new Response((await open('[[words:12]] [[say:Hello]]')).toReadableStream()).text()
    expect(text).toContain('Hello')
    ended('complete')
    calls.length = 0
    const reader = (await open('[[words:30]] [[gap:5]]')).toReadableStream().getReader()
    await reader.read()
    await reader.cancel()
    // anthropic's and the older openai's cancel waits for the iterator; the span ends when it is left.
    await until(() => calls[0]?.ended === true)
    expect(only().attributes['perf.stream.end']).toMatch(/early|abort/)
  })

  it('abandoned: never read', async () => {
    await (async () => void (await open('[[words:3]]')))()
    await collectUntil(() => calls[0]?.ended === true)
    expect(ended('abandoned')['perf.stream.chunks']).toBe(0)
  })

  it('abandoned: iterated by hand and dropped', async () => {
    await (async () => {
      const iterator = (await open('[[words:6]]'))[Symbol.asyncIterator]()
      await iterator.next()
    })()
    await collectUntil(() => calls[0]?.ended === true)
    expect(ended('abandoned')['perf.stream.chunks']).toBe(1)
  })

  it('refuses to be read twice as it does without', async () => {
    const [stream, plain] = [await open('[[words:3]]'), await bare('[[words:3]]')]
    await Promise.all([drain(stream), drain(plain)])
    const [error, expected] = await Promise.all([stream, plain].map((read) => drain(read).catch((reason: unknown) => String(reason))))
    expect(error).toEqual(expected)
    ended('complete')
  })
})

describe('any other stream', () => {
  async function* numbers(fail = false) {
    yield 1
    await delay(1)
    expect(current.getStore()).toBeDefined()
    yield 2
    if (fail) throw new Error('midway')
    yield 3
  }
  const end = (ending: FakeEnding) => [ending.attributes['perf.stream.end'], ending.attributes['perf.stream.chunks'], ending.ends]

  it('watches async generators in place, in the span while they run', async () => {
    const ending = new FakeEnding()
    const generator = numbers()
    expect(settleStream(ending, generator)).toBe(generator)
    expect(Object.keys(generator)).toEqual([])
    expect(await drain(generator)).toEqual([1, 2, 3])
    expect(end(ending)).toEqual(['complete', 3, 1])
    expect(ending.attributes['perf.stream.time_to_first_chunk_ms']).toBeGreaterThanOrEqual(0)
    expect(current.getStore()).toBeUndefined()
  })
  it('tells break, error and return of async generators', async () => {
    const [broken, failed, returned] = [new FakeEnding(), new FakeEnding(), new FakeEnding()]
    for await (const value of settleStream(broken, numbers()) as AsyncIterable<number>) if (value === 2) break
    await expect(drain(settleStream(failed, numbers(true)) as AsyncIterable<number>)).rejects.toThrow('midway')
    await (settleStream(returned, numbers()) as AsyncGenerator<number>).return(undefined)
    expect([end(broken), end(failed), end(returned)]).toEqual([
      ['early', 2, 1],
      ['error', 2, 1],
      ['early', 0, 1],
    ])
    expect(failed.status).toBe('error')
  })
  it('leaves a dropped failing next() unhandled', async () => {
    const unhandled: unknown[] = []
    const listeners = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (reason) => unhandled.push((reason as Error).message))
    async function* failing() {
      await delay(1)
      if (listeners) throw new Error('dropped')
      yield 1
    }
    void (settleStream(new FakeEnding(), failing()) as AsyncGenerator<number>).next()
    await delay(30)
    process.removeAllListeners('unhandledRejection')
    for (const listener of listeners) process.on('unhandledRejection', listener)
    expect(unhandled).toEqual(['dropped'])
  })
  it('watches sync generators, iterables, and promises of them', async () => {
    const [sync, iterable, promised] = [new FakeEnding(), new FakeEnding(), new FakeEnding()]
    const generator = (function* () {
      yield 'a'
      yield 'b'
    })()
    expect([...(settleStream(sync, generator) as Iterable<string>)]).toEqual(['a', 'b'])
    class Source {
      [Symbol.asyncIterator]() {
        return numbers()
      }
    }
    const source = new Source()
    expect(settleStream(iterable, source)).toBe(source)
    expect(await drain(source)).toEqual([1, 2, 3])
    const resolved = settleStream(promised, Promise.resolve(numbers())) as Promise<AsyncIterable<number>>
    expect(await drain(await resolved)).toEqual([1, 2, 3])
    expect([end(sync), end(iterable), end(promised)]).toEqual([
      ['complete', 2, 1],
      ['complete', 3, 1],
      ['complete', 3, 1],
    ])
  })
  it('ends at once for what is not a stream, and for a rejected promise', async () => {
    const [plain, rejected] = [new FakeEnding(), new FakeEnding()]
    expect(settleStream(plain, { a: 1 })).toEqual({ a: 1 })
    await expect(settleStream(rejected, Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect([plain.outcome, rejected.status]).toEqual([{ ok: true, result: { a: 1 } }, 'error'])
  })
  it('leaves frozen iterators alone', async () => {
    const ending = new FakeEnding()
    const frozen = Object.freeze(numbers())
    settleStream(ending, frozen)
    expect(ending.ends).toBe(1)
  })

  const web = () =>
    new ReadableStream<number>({
      start: (controller) => [1, 2, 3].forEach((n) => controller.enqueue(n)),
      pull: (controller) => controller.close(),
    })
  it('watches web streams by reader, iterator, tee, pipe and Response', async () => {
    const ends: unknown[] = []
    const watch = async (read: (stream: ReadableStream<number>) => Promise<unknown>) => {
      const ending = new FakeEnding()
      const stream = web()
      expect(settleStream(ending, stream)).toBe(stream)
      await read(stream)
      ends.push(end(ending))
    }
    await watch(async (stream) => {
      const reader = stream.getReader()
      while (!(await reader.read()).done);
    })
    await watch((stream) => drain(stream as unknown as AsyncIterable<number>))
    await watch(async (stream) => Promise.all(stream.tee().map((branch) => drain(branch as unknown as AsyncIterable<number>))))
    await watch((stream) => stream.pipeTo(new WritableStream()))
    await watch((stream) => drain(stream.pipeThrough(new TransformStream<number, number>()) as unknown as AsyncIterable<number>))
    await watch((stream) => new Response(stream.pipeThrough(new TextEncoderOf())).text())
    await watch(async (stream) => {
      for await (const value of stream as unknown as AsyncIterable<number>) if (value === 2) break
    })
    await watch(async (stream) => {
      const reader = stream.pipeThrough(new TransformStream<number, number>()).getReader()
      await reader.read()
      await reader.cancel()
    })
    await watch((stream) => stream.pipeTo(new WritableStream({ write: refuse })).catch(() => undefined))
    await watch((stream) => stream.cancel())
    await watch((stream) => stream.getReader().cancel())
    expect(ends).toEqual([
      ['complete', 3, 1],
      ['complete', 3, 1],
      ['complete', 3, 1],
      ['complete', 3, 1],
      ['complete', 3, 1],
      ['complete', 3, 1],
      ['early', 2, 1],
      ['early', 1, 1],
      ['early', 1, 1],
      ['early', 0, 1],
      ['early', 0, 1],
    ])
  })
  it('a pipe asks for no more than it would, and passes errors on', async () => {
    const stateOf = async (watched: boolean) => {
      let pulls = 0
      const failure = new Error('source')
      const source = new ReadableStream<number>(
        { pull: (controller) => (++pulls > 2 ? controller.error(failure) : controller.enqueue(pulls)) },
        { highWaterMark: 0 },
      )
      if (watched) settleStream(new FakeEnding(), source)
      const reader = source.pipeThrough(new TransformStream<number, number>(undefined, undefined, { highWaterMark: 0 })).getReader()
      await delay(5)
      const before = pulls
      const got = [await reader.read(), await reader.read()].map(({ value }) => value)
      const error = await reader.read().then(
        () => undefined,
        (reason: unknown) => reason === failure,
      )
      return [before, got, error, source.locked]
    }
    expect(await stateOf(true)).toEqual(await stateOf(false))
  })
  it('leaves a stream to others whose pipe must not cancel it', async () => {
    const ending = new FakeEnding()
    const stream = web()
    settleStream(ending, stream)
    await stream.pipeTo(new WritableStream({ write: refuse }), { preventCancel: true }).catch(() => undefined)
    expect([stream.locked, ending.ends]).toEqual([false, 1])
    expect(await drain(stream as unknown as AsyncIterable<number>)).toEqual([2, 3])
  })
  it('ends with the signal that the target knows, whatever the stream says then', async () => {
    const endOf = async (aborts: boolean) => {
      const controller = new AbortController()
      const ending = Object.assign(new FakeEnding(), { streamSignal: controller.signal })
      async function* source() {
        yield 1
        await delay(1)
        throw new Error('no more')
      }
      const iterator = settleStream(ending, source()) as AsyncGenerator<number>
      await iterator.next()
      const failing = iterator.next().catch(() => undefined)
      if (aborts) controller.abort()
      await failing
      return [ending.attributes['perf.stream.end'], ending.status]
    }
    expect([await endOf(true), await endOf(false)]).toEqual([
      ['abort', 'unset'],
      ['error', 'error'],
    ])
  })
  it('ends with the completion that the result holds', async () => {
    const reading = { state: () => 0, chunk: () => undefined, finish: () => undefined, from: 'completed' }
    const [done, failed] = [new FakeEnding({ name: 'call' }, reading), new FakeEnding({ name: 'call' }, reading)]
    const result = { completed: delay(1) }
    expect(settleStream(done, result)).toBe(result)
    const rejection = Promise.reject(new Error('lost'))
    rejection.catch(() => undefined)
    settleStream(failed, { completed: rejection })
    expect([done.ends, failed.ends]).toEqual([0, 0])
    await delay(5)
    expect([done.outcome, failed.status]).toEqual([{ ok: true, result }, 'error'])
  })
  it('watches a stream that is a part of the result', async () => {
    const ending = new FakeEnding({ name: 'call' }, { state: () => 0, chunk: () => undefined, finish: () => undefined, from: 'stream' })
    const result = { stream: web() }
    expect(settleStream(ending, result)).toBe(result)
    expect(ending.ends).toBe(0)
    await drain(result.stream as unknown as AsyncIterable<number>)
    expect(ending.ends).toBe(1)
  })
  it('watches Node streams without listening', async () => {
    const [read, destroyed, failed] = [new FakeEnding(), new FakeEnding(), new FakeEnding()]
    const stream = Readable.from(['a', 'b'])
    settleStream(read, stream)
    expect(stream.listenerCount('error')).toBe(0)
    expect(await drain(stream)).toEqual(['a', 'b'])
    const left = Readable.from(['a', 'b'])
    settleStream(destroyed, left)
    left.destroy()
    const broken = new Readable({
      read() {
        this.destroy(new Error('disk'))
      },
    })
    settleStream(failed, broken)
    await expect(drain(broken)).rejects.toThrow('disk')
    await delay(5)
    expect([end(read), end(destroyed), end(failed)]).toEqual([
      ['complete', 2, 1],
      ['early', 0, 1],
      ['error', 0, 1],
    ])
  })
})

class TextEncoderOf extends TransformStream<number, Uint8Array> {
  constructor() {
    super({ transform: (value, controller) => controller.enqueue(new TextEncoder().encode(String(value))) })
  }
}

const refuse = (): never => {
  throw new Error('refused')
}

async function drain<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

const withoutIds = (chunks: object[]): string =>
  JSON.stringify(chunks).replace(/"(id|item_id|created\w*|call_id)":("[^"]*"|\d+)/g, '"$1":0')

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function until(isDone: () => boolean, ms = 2000): Promise<void> {
  for (const deadline = Date.now() + ms; !isDone() && Date.now() < deadline;) await delay(5)
}
