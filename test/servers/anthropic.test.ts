// The scripted Anthropic server, driven by the real SDK.
import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startAnthropicServer } from './anthropic.ts'
import { collect } from './openai-sdk.ts'
import type { ScriptedServer } from './openai.ts'

const MODEL = 'claude-sonnet-5'
const tools = [{ name: 'lookup', input_schema: { type: 'object' as const, properties: { id: { type: 'number' } } } }]
const ask = (content: string) => ({ model: MODEL, max_tokens: 500, messages: [{ role: 'user' as const, content }] })

let server: ScriptedServer
let client: Anthropic
beforeAll(async () => {
  server = await startAnthropicServer()
  client = new Anthropic({ apiKey: 'test', baseURL: server.url })
})
beforeEach(() => {
  server.requests.length = 0
})
afterAll(() => server.close())

const stream = (content: string) => client.messages.create({ ...ask(content), tools, stream: true })

describe('messages', () => {
  it('answers with usage and cache tokens', async () => {
    const message = await client.messages.create(ask('Hello [[say:Good day]] [[usage:100,20,64,32]]'))
    expect(message).toMatchObject({
      model: MODEL,
      stop_reason: 'end_turn',
      content: [{ type: 'text', text: 'Good day' }],
      usage: { input_tokens: 100, output_tokens: 20, cache_read_input_tokens: 64, cache_creation_input_tokens: 32 },
    })
  })

  it('streams thinking and text in the order of the API', async () => {
    const events = await collect(await stream('[[thinking]] [[say:One two]] [[usage:100,20,64,32]]'))
    expect(events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1])).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(events[0]).toMatchObject({
      message: { usage: { input_tokens: 100, output_tokens: 1, cache_read_input_tokens: 64, cache_creation_input_tokens: 32 } },
    })
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 20 } })
    const deltas = events.flatMap((event) => (event.type === 'content_block_delta' ? [event.delta.type] : []))
    expect(new Set(deltas)).toEqual(new Set(['thinking_delta', 'signature_delta', 'text_delta']))
  })

  it('sends a ping after the first block has started', async () => {
    const response = await client.messages.create({ ...ask('Hi'), stream: true }).asResponse()
    const names = [...(await response.text()).matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)
    expect(names.slice(0, 3)).toEqual(['message_start', 'content_block_start', 'ping'])
  })

  it('calls one tool per round, then answers from the result', async () => {
    const messages: Anthropic.MessageParam[] = ask('[[tool:lookup {"id":7}]]').messages
    const first = await client.messages.create({ ...ask(''), messages, tools })
    expect(first).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', name: 'lookup', input: { id: 7 } }] })
    const call = first.content[0] as Anthropic.ToolUseBlock
    messages.push(
      { role: 'assistant', content: first.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'at the door' }] },
    )
    const second = await client.messages.create({ ...ask(''), messages, tools })
    expect(second.content[0]).toMatchObject({ type: 'text', text: expect.stringContaining('at the door') })
  })

  it('streams tool input in fragments, for the stream helper too', async () => {
    const events = await collect(await stream('[[parallel]] [[tool:lookup {"id":12345678}]] [[tool:lookup]]'))
    const inputs = events.flatMap((event) =>
      event.type === 'content_block_delta' && event.delta.type === 'input_json_delta'
        ? [[event.index, event.delta.partial_json] as const]
        : [],
    )
    const text = (index: number) =>
      inputs
        .filter(([at]) => at === index)
        .map(([, json]) => json)
        .join('')
    expect([text(0), text(1)]).toEqual(['{"id":12345678}', '{}'])
    const final = await client.messages.stream({ ...ask('[[thinking]] [[tool:lookup {"id":7}]]'), tools }).finalMessage()
    expect(final.content.map(({ type }) => type)).toEqual(['thinking', 'tool_use'])
    expect(final.content[1]).toMatchObject({ input: { id: 7 } })
  })

  it('serves the tool runner', async () => {
    const tool = {
      ...tools[0]!,
      type: 'custom' as const,
      parse: (input: unknown) => input as { id: number },
      run: ({ id }: { id: number }) => `order ${id} is here`,
    }
    const runner = client.beta.messages.toolRunner({ ...ask('[[tool:lookup {"id":7}]]'), tools: [tool] })
    expect((await runner).content[0]).toMatchObject({ type: 'text', text: expect.stringContaining('order 7 is here') })
  })

  it('succeeds on the retry of 429 and 529', async () => {
    await client.messages.create(ask('[[429]]'))
    await client.messages.create(ask('[[529]]'))
    expect(server.requests.map(({ status }) => status)).toEqual([429, 200, 529, 200])
  })

  it('fails with the typed errors of the API', async () => {
    const failing = (content: string) => client.messages.create(ask(content), { maxRetries: 0 })
    await expect(failing('[[529:always]]')).rejects.toMatchObject({ status: 529, type: 'overloaded_error' })
    await expect(failing('[[429:5]]')).rejects.toBeInstanceOf(Anthropic.RateLimitError)
    await expect(failing('[[500]]')).rejects.toBeInstanceOf(Anthropic.InternalServerError)
    await expect(failing('[[401]]')).rejects.toBeInstanceOf(Anthropic.AuthenticationError)
  })

  it('sends an error in the middle and breaks off in the middle', async () => {
    await expect(stream('[[words:20]] [[error]]').then(collect)).rejects.toMatchObject({ type: 'overloaded_error' })
    await expect(stream('[[words:20]] [[disconnect]]').then(collect)).rejects.toThrow()
    const events = await collect(await stream('[[words:20]] [[truncate:6]]'))
    expect(events.at(-1)?.type).toBe('content_block_delta')
  })

  it('notices break and abort of the client', async () => {
    for await (const _ of await stream('[[words:200]] [[gap:5]]')) break
    const aborted = await stream('[[words:200]] [[gap:5]]')
    setTimeout(() => aborted.controller.abort(), 20)
    await collect(aborted)
    await expect.poll(() => server.requests.map((request) => request.aborted), { timeout: 30_000 }).toEqual([true, true])
  })
})

it('counts tokens', async () => {
  const { input_tokens: count } = await client.messages.countTokens({ model: MODEL, messages: ask('How many tokens are these?').messages })
  expect(count).toBeGreaterThan(5)
})

it('runs message batches to their results', async () => {
  const contents = ['[[pending:1]] [[say:first]]', '[[400]]', '[[expired]]']
  const created = await client.messages.batches.create({
    requests: contents.map((content, index) => ({ custom_id: `job-${index}`, params: ask(content) })),
  })
  expect(created).toMatchObject({ processing_status: 'in_progress', request_counts: { processing: 3 }, results_url: null })
  expect((await client.messages.batches.retrieve(created.id)).processing_status).toBe('in_progress')
  const ended = await client.messages.batches.retrieve(created.id)
  expect(ended).toMatchObject({ processing_status: 'ended', request_counts: { succeeded: 1, errored: 1, expired: 1 } })
  const results = await collect(await client.messages.batches.results(created.id))
  expect(results.map(({ custom_id: id, result }) => [id, result.type])).toEqual([
    ['job-0', 'succeeded'],
    ['job-1', 'errored'],
    ['job-2', 'expired'],
  ])
  expect(await client.messages.batches.cancel(created.id)).toMatchObject({ processing_status: 'canceling' })
})
