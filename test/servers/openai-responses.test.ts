// The scripted OpenAI server, driven by the real SDKs: responses, embeddings, media.
import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, loadOpenAI, LOOKUP, MODEL, OPENAI_MAJORS } from './openai-sdk.ts'
import { startOpenAIServer } from './openai.ts'
import type { ScriptedServer } from './openai.ts'

let server: ScriptedServer
beforeAll(async () => {
  server = await startOpenAIServer()
})
afterAll(() => server.close())

describe.each(OPENAI_MAJORS)('openai %s', (version) => {
  let client: OpenAI
  beforeAll(() => {
    client = new (loadOpenAI(version))({ apiKey: 'test', baseURL: `${server.url}/v1` })
  }, 120_000)

  it('answers and continues with previous_response_id', async () => {
    const tools = [{ type: 'function' as const, strict: true, ...LOOKUP }]
    const first = await client.responses.create({
      model: MODEL,
      input: 'Where is it? [[tool:lookup {"id":7}]] [[usage:50,10,32]]',
      tools,
    })
    expect(first).toMatchObject({
      status: 'completed',
      usage: { input_tokens: 50, output_tokens: 10, input_tokens_details: { cached_tokens: 32 } },
    })
    const call = first.output.find((item) => item.type === 'function_call')
    expect(call).toMatchObject({ name: 'lookup', arguments: '{"id":7}' })
    const input = [{ type: 'function_call_output' as const, call_id: call!.call_id, output: 'at the door' }]
    const second = await client.responses.create({ model: MODEL, input, tools, previous_response_id: first.id })
    expect(second.output_text).toContain('at the door')
    expect(await client.responses.retrieve(second.id)).toMatchObject({ id: second.id })
  })

  it('streams the whole sequence of typed events', async () => {
    const events = await collect(await client.responses.create({ model: MODEL, input: '[[reasoning]] [[say:One two]]', stream: true }))
    const types = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1])
    expect(types).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index))
    expect(events.at(-1)).toMatchObject({ response: { usage: { output_tokens: expect.any(Number) } } })
  })

  it('streams function calls in fragments, for the stream helper too', async () => {
    const request = {
      model: MODEL,
      input: '[[tool:lookup {"id":12345}]]',
      tools: [{ type: 'function' as const, strict: true, ...LOOKUP }],
    }
    const events = await collect(await client.responses.create({ ...request, stream: true }))
    const deltas = events.filter((event) => event.type === 'response.function_call_arguments.delta')
    expect(deltas.map(({ delta }) => delta).join('')).toBe('{"id":12345}')
    const final = await client.responses.stream(request).finalResponse()
    expect(final.output[0]).toMatchObject({ type: 'function_call', name: 'lookup' })
  })

  it('ends as failed, incomplete, with an error or without an end', async () => {
    const last = async (input: string) => (await collect(await client.responses.create({ model: MODEL, input, stream: true }))).at(-1)?.type
    expect(await last('[[failed]]')).toBe('response.failed')
    expect(await last('[[length]]')).toBe('response.incomplete')
    expect(await last('[[words:9]] [[truncate:5]]')).not.toBe('response.completed')
    await expect(last('[[words:9]] [[disconnect]]')).rejects.toThrow()
    await expect(last('[[words:9]] [[error]]')).rejects.toThrow()
  })

  it('serves embeddings, models, images and audio', async () => {
    const embedded = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two'], dimensions: 16 })
    const floats = await client.embeddings.create({
      model: 'text-embedding-3-small',
      input: 'one',
      dimensions: 16,
      encoding_format: 'float',
    })
    expect(embedded.data).toHaveLength(2)
    expect(Array.from(embedded.data[0]!.embedding)).toEqual(floats.data[0]?.embedding)
    expect(embedded.usage.total_tokens).toBe(2)
    expect((await collect(await client.models.list())).map(({ id }) => id)).toContain('gpt-4o')
    expect((await client.images.generate({ model: 'gpt-image-1', prompt: 'a dot' })).data?.[0]?.b64_json).toBeTruthy()
    expect((await (await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hi' })).arrayBuffer()).byteLength).toBe(1024)
    const file = new File([new Uint8Array(64)], 'question.wav', { type: 'audio/wav' })
    expect((await client.audio.transcriptions.create({ model: 'whisper-1', file })).text).toBe('Where is my order?')
  })
})
