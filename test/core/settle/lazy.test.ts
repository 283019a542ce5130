// The lazy promises of openai and anthropic, in every version that is supported, against scripted servers.
import { createRequire } from 'node:module'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { installedModules, versionsFor } from '../../../scripts/install-versions.mjs'
import anthropic from '../../../src/integrations/anthropic.ts'
import openai from '../../../src/integrations/openai.ts'
import { startAnthropicServer } from '../../servers/anthropic.ts'
import { startOpenAIServer } from '../../servers/openai.ts'
import type { ScriptedServer } from '../../servers/openai.ts'
import { collectUntil, current, hook } from './fake-ending.ts'
import type { FakeEnding } from './fake-ending.ts'

interface Lazy extends Promise<unknown> {
  asResponse(): Promise<Response>
  withResponse(): Promise<{ data: unknown; response: Response }>
}
interface Client {
  create(prompt: string, extra?: object, options?: object): Lazy
  parsed?(prompt: string): Promise<{ choices: { message: { parsed: unknown } }[] }>
  promiseClass: (new (...args: never[]) => Lazy) | undefined
}
interface Library {
  lib: string
  version: string
  definition: typeof openai
  serve: () => Promise<ScriptedServer>
  clientOf(sdk: Record<string, unknown>, url: string): Client
}

const body = (prompt: string, extra?: object) => ({
  model: 'gpt-4o',
  max_tokens: 64,
  messages: [{ role: 'user', content: prompt }],
  ...extra,
})
const format = {
  type: 'json_schema',
  json_schema: { name: 'n', schema: { type: 'object', properties: { a: { type: 'string' } } }, strict: true },
}

type Create = { create(body: object, options?: object): Lazy; parse?(body: object): Promise<never> }
const openaiClient: Library['clientOf'] = (sdk, url) => {
  const OpenAI = sdk['OpenAI'] as new (options: object) => { chat: { completions: Create }; beta?: { chat?: { completions?: Create } } }
  const client = new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 })
  const helpers = client.chat.completions.parse ? client.chat.completions : client.beta?.chat?.completions
  return {
    create: (prompt, extra, options) => client.chat.completions.create(body(prompt, extra), options),
    ...(helpers?.parse && { parsed: (prompt: string) => (helpers as Required<Create>).parse(body(prompt, { response_format: format })) }),
    promiseClass: sdk['APIPromise'] as Client['promiseClass'],
  }
}
const anthropicClient: Library['clientOf'] = (sdk, url) => {
  const Anthropic = sdk['Anthropic'] as new (options: object) => { messages: Create }
  const client = new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 0 })
  return {
    create: (prompt, extra, options) => client.messages.create(body(prompt, extra), options),
    promiseClass: sdk['APIPromise'] as Client['promiseClass'],
  }
}

const libraries: Library[] = [
  ...versionsFor('openai', 26).map((version) => ({
    lib: 'openai',
    version,
    definition: openai,
    serve: startOpenAIServer,
    clientOf: openaiClient,
  })),
  ...versionsFor('@anthropic-ai/sdk', 26).map((version) => ({
    lib: '@anthropic-ai/sdk',
    version,
    definition: anthropic,
    serve: startAnthropicServer,
    clientOf: anthropicClient,
  })),
]

describe.each(libraries)('$lib $version', ({ lib, version, definition, serve, clientOf }) => {
  let server: ScriptedServer
  let client: Client
  let bare: Client
  let calls: FakeEnding[]
  const only = () => {
    expect(calls).toHaveLength(1)
    return calls[0] as FakeEnding
  }

  beforeAll(async () => {
    server = await serve()
    const load = createRequire(path.join(installedModules(`${lib}@${version}`), 'x.js'))
    bare = clientOf(load(lib) as Record<string, unknown>, server.url)
    for (const file of Object.keys(load.cache)) if (file.includes(`${path.sep}${lib}`)) delete load.cache[file]
    const sdk = load(lib) as Record<string, unknown>
    calls = hook(definition, sdk)
    client = clientOf(sdk, server.url)
  })
  beforeEach(() => {
    calls.length = 0
    server.requests.length = 0
  })
  afterAll(() => server.close())

  it('gives the app the same kind of promise with the same face', async () => {
    const promise = client.create('[[say:Hello]]')
    const plain = bare.create('[[say:Hello]]')
    if (client.promiseClass) expect(promise).toBeInstanceOf(client.promiseClass)
    expect(Object.keys(promise)).toEqual(Object.keys(plain))
    expect(JSON.stringify(await promise)).toContain('Hello')
    await plain
  })

  it('ends with the parsed answer, once, before the app goes on', async () => {
    const promise = client.create('[[say:Hello]] [[usage:100,20,64]]')
    const seen = await Promise.all([promise.then(() => only().ended), promise.finally(() => undefined).then(() => only().ended)])
    expect(seen).toEqual([true, true])
    expect(only().ends).toBe(1)
    expect(only().status).toBe('unset')
    expect(only().attributes['gen_ai.usage.output_tokens']).toBe(20)
    expect(server.requests).toHaveLength(1)
  })

  it('sends nothing twice and parses nothing while nobody asks', async () => {
    const promise = client.create('[[say:Hello]]')
    await until(() => server.requests.length === 1)
    await delay(50)
    expect(only().ended).toBe(false)
    await promise
    expect(only().ended).toBe(true)
    expect(server.requests).toHaveLength(1)
  })

  it('leaves the body of asResponse() unread and ends with the headers', async () => {
    const response = await client.create('[[say:Hello]]').asResponse()
    expect(response.bodyUsed).toBe(false)
    expect(only().ended).toBe(true)
    expect(only().attributes['perf.ai.raw_response']).toBe(true)
    expect(only().attributes['http.response.status_code']).toBe(200)
    expect(await response.text()).toContain('Hello')
  })

  it('sees the answer of withResponse()', async () => {
    const { data, response } = await client.create('[[usage:100,20]]').withResponse()
    expect(response.status).toBe(200)
    expect(data).toMatchObject({ id: only().attributes['gen_ai.response.id'] })
    expect(only().attributes['gen_ai.usage.output_tokens']).toBe(20)
    expect(only().attributes['perf.ai.raw_response']).toBeUndefined()
  })

  it('waits for the answer when response and answer are both asked for', async () => {
    const promise = client.create('[[usage:100,20]]')
    await Promise.all([promise.asResponse(), promise])
    expect(only().attributes['gen_ai.usage.output_tokens']).toBe(20)
  })

  it('gives the same error and says what it was', async () => {
    const error = await client.create('[[429:always]] [[retry-after:1500]]').then(
      () => undefined,
      (reason: unknown) => reason as Error & { status: number },
    )
    const plain = await bare.create('[[429:always]] [[retry-after:1500]]').catch((reason: unknown) => reason as Error)
    expect(error?.message).toBe((plain as Error).message)
    expect(error?.constructor.name).toBe('RateLimitError')
    expect(only()).toMatchObject({ status: 'error', outcome: { ok: false, error } })
    expect(only().errorType).toMatch(/^rate_limit/)
    expect(only().attributes['http.response.status_code']).toBe(429)
    expect(only().attributes['perf.ai.retry_after_ms']).toBe(1500)
  })

  it('ends an unread call whose request fails through asResponse()', async () => {
    await expect(client.create('[[500]]').asResponse()).rejects.toThrow()
    expect(only().status).toBe('error')
  })

  it('does not call a cancel by the app an error', async () => {
    const abort = new AbortController()
    const promise = client.create('[[hang]]', {}, { signal: abort.signal })
    setTimeout(() => abort.abort(), 30)
    await expect(promise).rejects.toThrow()
    expect(only()).toMatchObject({ ended: true, status: 'unset' })
    expect(only().errorType).toBeUndefined()
  })

  it('ends a call that nobody ever asks as abandoned', async () => {
    ;(() => void client.create('[[say:Hello]]'))()
    await until(() => server.requests.length === 1)
    await collectUntil(() => calls[0]?.ended === true)
    expect(only().attributes['perf.call.end']).toBe('abandoned')
  })

  it('has the span as the current one while the request is made, and not after', async () => {
    const promise = client.create('[[say:Hello]]')
    expect(current.getStore()).toBeUndefined()
    await promise
    expect(current.getStore()).toBeUndefined()
  })

  it('sees the answer behind .parse() of the SDK', async ({ skip }) => {
    if (client.parsed === undefined) return skip(`${lib} ${version} has no .parse()`)
    const answer = await client.parsed('[[say:{"a":"b"}]] [[usage:9,8]]')
    expect(answer.choices[0]?.message.parsed).toEqual({ a: 'b' })
    expect(only().attributes['gen_ai.usage.output_tokens']).toBe(8)
    expect(server.requests).toHaveLength(1)
  })

  it.each(['then', 'none'])('leaves an unhandled rejection as it is (%s)', async (how) => {
    const unhandled: unknown[] = []
    const listeners = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (reason, promise) => unhandled.push(promise instanceof Promise && (reason as Error).constructor.name))
    try {
      for (const side of [bare, client]) {
        const promise = side.create('[[500]]')
        if (how === 'then') void promise.then(() => undefined)
        await until(() => unhandled.length > (side === bare ? 0 : 1))
        await delay(50)
      }
    } finally {
      process.removeAllListeners('unhandledRejection')
      for (const listener of listeners) process.on('unhandledRejection', listener)
    }
    expect(unhandled).toEqual(['InternalServerError', 'InternalServerError'])
  })

  it('counts no fault of its own', async () => {
    await client.create('[[say:Hello]]')
    expect(only().faults).toEqual([])
  })
})

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function until(isDone: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !isDone() && Date.now() < deadline;) await delay(5)
}
