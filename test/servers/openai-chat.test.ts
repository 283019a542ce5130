// The scripted OpenAI server, driven by the real SDKs: chat completions.
import type OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { collect, loadOpenAI, LOOKUP, MODEL, OPENAI_MAJORS } from './openai-sdk.ts'
import { startOpenAIServer } from './openai.ts'
import type { ScriptedServer } from './openai.ts'

const chatTools = [{ type: 'function' as const, function: LOOKUP }]
const ask = (content: string) => ({ model: MODEL, messages: [{ role: 'user' as const, content }] })

// stream(), parse() and runTools() lived under `beta` until openai 5.
const helpersOf = (client: OpenAI, version: string): OpenAI['chat']['completions'] =>
  version === '4' ? (client.beta as unknown as Pick<OpenAI, 'chat'>).chat.completions : client.chat.completions

let server: ScriptedServer
beforeAll(async () => {
  server = await startOpenAIServer()
})
beforeEach(() => {
  server.requests.length = 0
})
afterAll(() => server.close())

describe.each(OPENAI_MAJORS)('openai %s', (version) => {
  let client: OpenAI
  let sdk: typeof OpenAI
  beforeAll(() => {
    sdk = loadOpenAI(version)
    client = new sdk({ apiKey: 'test', baseURL: `${server.url}/v1` })
  }, 120_000)

  it('answers with usage', async () => {
    const answer = await client.chat.completions.create(ask('Hello [[say:Good day]] [[usage:100,20,64]]'))
    expect(answer.choices[0]?.message.content).toBe('Good day')
    expect(answer).toMatchObject({
      model: MODEL,
      choices: [{ finish_reason: 'stop' }],
      usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
    })
    expect(answer.usage?.prompt_tokens_details?.cached_tokens).toBe(64)
  })

  it('streams usage only when asked', async () => {
    const plain = await collect(await client.chat.completions.create({ ...ask('[[words:12]]'), stream: true }))
    expect(plain.every((chunk) => chunk.usage === undefined)).toBe(true)
    expect(plain.at(-1)?.choices[0]?.finish_reason).toBe('stop')

    const counted = await collect(
      await client.chat.completions.create({ ...ask('[[words:12]]'), stream: true, stream_options: { include_usage: true } }),
    )
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: expect.any(Number) } })
    expect(
      counted
        .map((chunk) => chunk.choices[0]?.delta.content ?? '')
        .join('')
        .split(' '),
    ).toHaveLength(12)
  })

  it('keeps characters whole when frames are cut into pieces', async () => {
    const chunks = await collect(
      await client.chat.completions.create({ ...ask('[[say:Grüße aus Köln 🎉 morgen]] [[fragment:5]]'), stream: true }),
    )
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('Grüße aus Köln 🎉 morgen')
  })

  it('calls one tool per round, then answers from the result', async () => {
    const request = { ...ask('[[tool:lookup {"id":7}]] [[tool:lookup {"id":8}]]'), tools: chatTools }
    const messages: OpenAI.ChatCompletionMessageParam[] = [...request.messages]
    for (const id of [7, 8]) {
      const answer = await client.chat.completions.create({ ...request, messages })
      const call = answer.choices[0]?.message.tool_calls?.[0]
      expect(answer.choices[0]?.finish_reason).toBe('tool_calls')
      expect(call).toMatchObject({ type: 'function', function: { name: 'lookup', arguments: `{"id":${id}}` } })
      messages.push(answer.choices[0]!.message, { role: 'tool', tool_call_id: call!.id, content: `order ${id}` })
    }
    const last = await client.chat.completions.create({ ...request, messages })
    expect(last.choices[0]?.message.content).toContain('order 7 order 8')
  })

  it('streams parallel tool calls in fragments', async () => {
    const stream = await client.chat.completions.create({
      ...ask('[[parallel]] [[tool:lookup {"id":7,"deep":true}]] [[tool:lookup {"id":8}]]'),
      tools: chatTools,
      stream: true,
    })
    const deltas = (await collect(stream)).flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])
    const text = (index: number) =>
      deltas
        .filter((delta) => delta.index === index)
        .map((delta) => delta.function?.arguments ?? '')
        .join('')
    expect([text(0), text(1)]).toEqual(['{"id":7,"deep":true}', '{"id":8}'])
    expect(deltas.filter((delta) => delta.id !== undefined)).toHaveLength(2)
    expect(deltas.length).toBeGreaterThan(5)
  })

  it('succeeds on the retry of a 429', async () => {
    await client.chat.completions.create(ask('again [[429]]'))
    expect(server.requests.map(({ status, attempt }) => [status, attempt])).toEqual([
      [429, 1],
      [200, 2],
    ])
  })

  it('reads markers from the model name too', async () => {
    const answer = await client.chat.completions.create({ ...ask('Hello'), model: `${MODEL}[[429]][[say:Hi]]` })
    expect(answer).toMatchObject({ model: MODEL, choices: [{ message: { content: 'Hi' } }] })
    expect(server.requests).toHaveLength(2)
  })

  it('fails when every attempt is refused', async () => {
    await expect(client.chat.completions.create(ask('[[429:9]]'))).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    await expect(client.chat.completions.create(ask('[[500]]'))).rejects.toBeInstanceOf(sdk.InternalServerError)
    await expect(client.chat.completions.create(ask('[[400]]'))).rejects.toBeInstanceOf(sdk.BadRequestError)
    expect(server.requests.map(({ status }) => status)).toEqual([429, 429, 429, 500, 500, 500, 400])
  })

  it('breaks off in the middle', async () => {
    const seen: unknown[] = []
    const read = async () => {
      for await (const chunk of await client.chat.completions.create({ ...ask('[[words:20]] [[disconnect:6]]'), stream: true }))
        seen.push(chunk)
    }
    await expect(read()).rejects.toThrow()
    expect(seen).toHaveLength(6)
    await expect(client.chat.completions.create(ask('[[disconnect]]'), { maxRetries: 0 })).rejects.toThrow()
  })

  it('sends an error in the middle', async () => {
    const stream = await client.chat.completions.create({ ...ask('[[words:20]] [[error]]'), stream: true })
    await expect(collect(stream)).rejects.toMatchObject({ code: 'server_error' })
  })

  it('notices break, abort and timeouts of the client', async () => {
    const stream = await client.chat.completions.create({ ...ask('[[words:200]] [[gap:5]]'), stream: true })
    for await (const _ of stream) break
    const aborted = await client.chat.completions.create({ ...ask('[[words:200]] [[gap:5]]'), stream: true })
    setTimeout(() => aborted.controller.abort(), 20)
    await collect(aborted)
    await expect(client.chat.completions.create(ask('[[hang]]'), { timeout: 30, maxRetries: 0 })).rejects.toBeInstanceOf(
      sdk.APIConnectionTimeoutError,
    )
    await expect.poll(() => server.requests.map((request) => request.aborted), { timeout: 30_000 }).toEqual([true, true, true])
  })

  it('waits before the first token', async () => {
    const start = performance.now()
    for await (const _ of await client.chat.completions.create({ ...ask('[[slow:120]]'), stream: true })) break
    expect(performance.now() - start).toBeGreaterThan(110)
  })

  it('serves the stream helper', async () => {
    const stream = helpersOf(client, version).stream({
      ...ask('[[tool:lookup {"id":7}]]'),
      tools: chatTools,
      stream_options: { include_usage: true },
    })
    const answer = await stream.finalChatCompletion()
    expect(answer.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'lookup', arguments: '{"id":7}' } })
    expect(answer.usage?.total_tokens).toBeGreaterThan(0)
  })

  it('serves runTools and parse', async () => {
    const completions = helpersOf(client, version)
    const tool = {
      type: 'function' as const,
      function: { ...LOOKUP, parse: JSON.parse, function: (args: { id: number }) => `order ${args.id} is on its way` },
    }
    const runner = completions.runTools({ ...ask('[[tool:lookup {"id":7}]]'), tools: [tool] })
    expect(await runner.finalContent()).toContain('order 7 is on its way')

    const schema = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } }
    const parsed = await completions.parse({
      ...ask('Plan'),
      response_format: { type: 'json_schema', json_schema: { name: 'plan', schema } },
    })
    expect(JSON.parse(parsed.choices[0]?.message.content ?? '')).toEqual({ city: 'example', days: 1 })
  })
})
