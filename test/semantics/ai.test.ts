import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { StreamReading } from '../../src/core/integration.ts'
import { anthropicUsage, messageStream } from '../../src/semantics/ai-anthropic.ts'
import { chatEnd, chatStream, openAiUsage, responseEnd } from '../../src/semantics/ai-openai.ts'
import { apiErrorEnd, base64Bytes, endpointAttributes } from '../../src/semantics/ai.ts'
import { providerOf } from '../../src/semantics/ai-hosts.ts'
import { costOfSpan, costUsd, mergePrices, priceOf } from '../../src/semantics/prices.ts'
import type { PriceTable } from '../../src/semantics/prices.ts'

const prices = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../prices.json'), 'utf8')) as PriceTable

describe('providers', () => {
  it.each([
    ['api.openai.com', 'openai'],
    ['eu.api.openai.com', 'openai'],
    ['my-resource.openai.azure.com', 'azure.ai.openai'],
    ['my-resource.services.ai.azure.com', 'azure.ai.inference'],
    ['api.groq.com', 'groq'],
    ['api.deepseek.com', 'deepseek'],
    ['api.x.ai', 'x_ai'],
    ['api.perplexity.ai', 'perplexity'],
    ['api.mistral.ai', 'mistral_ai'],
    ['generativelanguage.googleapis.com', 'gcp.gemini'],
    ['us-east5-aiplatform.googleapis.com', 'gcp.vertex_ai'],
    ['bedrock-runtime.us-east-1.amazonaws.com', 'aws.bedrock'],
    ['api.anthropic.com', 'anthropic'],
    ['notopenai.com.example', 'fallback'],
    ['notgroq.com', 'fallback'],
    ['127.0.0.1', 'fallback'],
  ])('%s is %s', (host, provider) => expect(providerOf(host, 'fallback')).toBe(provider))

  it('takes nothing from the base URL but host and port', () => {
    const resource = { _client: { baseURL: 'https://user:secret@api.groq.com:8443/openai/v1?key=secret' } }
    expect(endpointAttributes(resource, 'openai')).toEqual({
      'gen_ai.provider.name': 'groq',
      'server.address': 'api.groq.com',
      'server.port': 8443,
    })
    expect(endpointAttributes({ _client: { baseURL: 'nonsense' } }, 'openai')).toEqual({ 'gen_ai.provider.name': 'openai' })
    expect(endpointAttributes({}, 'openai')).toEqual({ 'gen_ai.provider.name': 'openai' })
  })
})

describe('usage', () => {
  it('adds the cache to the input of Anthropic', () => {
    const usage = { input_tokens: 10, cache_read_input_tokens: 200, cache_creation_input_tokens: 30, output_tokens: 5 }
    expect(anthropicUsage(usage)).toMatchObject({ inputTokens: 240, cacheReadTokens: 200, cacheCreationTokens: 30, outputTokens: 5 })
    expect(anthropicUsage({ input_tokens: 10, cache_read_input_tokens: null })).toMatchObject({ inputTokens: 10 })
    expect(anthropicUsage({ output_tokens: 5 })?.inputTokens).toBeUndefined()
    expect(anthropicUsage(undefined)).toBeUndefined()
  })
  it('knows the names of every OpenAI endpoint, and invents nothing', () => {
    expect(openAiUsage({ input_tokens: 3, output_tokens: 4, output_tokens_details: { reasoning_tokens: 2 } })).toMatchObject({
      inputTokens: 3,
      outputTokens: 4,
      reasoningTokens: 2,
    })
    expect(openAiUsage(null)).toBeUndefined()
    expect(chatEnd({ choices: [] }).attributes?.['gen_ai.usage.input_tokens']).toBeUndefined()
  })
})

describe('answers of other shapes', () => {
  it('is not upset by missing fields', () => {
    expect(() => [chatEnd({}), responseEnd({})]).not.toThrow()
    for (const stream of [chatStream, messageStream] as unknown as StreamReading<unknown>[]) {
      const state = stream.state()
      for (const chunk of [{}, { choices: [{}] }, { type: 'content_block_delta' }, { choices: [{ delta: { tool_calls: [{}] } }] }]) {
        expect(() => stream.chunk(state, chunk)).not.toThrow()
      }
      expect(() => stream.finish(state, 'complete')).not.toThrow()
    }
  })
  it('puts the arguments of parallel tool calls together', () => {
    const stream = chatStream as unknown as StreamReading<unknown>
    const state = stream.state()
    const delta = (index: number, fn: object) => ({ choices: [{ index: 0, delta: { tool_calls: [{ index, function: fn }] } }] })
    for (const [index, fn] of [
      [0, { name: 'a', arguments: '' }],
      [1, { name: 'b', arguments: '{' }],
      [0, { arguments: '{}' }],
      [1, { arguments: '}' }],
    ] as const)
      stream.chunk(state, delta(index, fn))
    const end = stream.finish(state, 'complete')
    expect(end?.attributes?.['perf.ai.tool_calls']).toEqual(['a', 'b'])
    expect(end?.payloads?.[0]?.value).toEqual([
      {
        content: '',
        tool_calls: [
          { name: 'a', arguments: '{}' },
          { name: 'b', arguments: '{}' },
        ],
      },
    ])
  })
  it('calls a failed response an error although the request was none', () => {
    expect(responseEnd({ status: 'failed', error: { code: 'server_error' } })).toMatchObject({ status: 'error', errorType: 'server_error' })
  })
  it('names an API error by its code, then its type, and reads both ways to wait', () => {
    expect(apiErrorEnd({ status: 429, code: 'rate_limit_exceeded', headers: new Headers({ 'retry-after': '2' }) })).toMatchObject({
      errorType: 'rate_limit_exceeded',
      attributes: { 'http.response.status_code': 429, 'perf.ai.retry_after_ms': 2000 },
    })
    expect(apiErrorEnd({ status: 529, error: { type: 'error', error: { type: 'overloaded_error' } } })?.errorType).toBe('overloaded_error')
    expect(apiErrorEnd(new Error('no connection'))?.errorType).toBeUndefined()
    expect(
      apiErrorEnd({ headers: { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' } })?.attributes?.['perf.ai.retry_after_ms'],
    ).toBeUndefined()
  })
  it('tells the size of base64 without decoding it', () => {
    for (const text of ['', 'a', 'ab', 'abc', 'abcd']) expect(base64Bytes(Buffer.from(text).toString('base64'))).toBe(text.length)
  })
})

describe('prices', () => {
  const table: PriceTable = {
    date: '2026-01-01',
    source: 'test',
    models: { 'm-*': { input: 1, output: 2 }, 'm-large': { input: 10, output: 20 } },
  }

  it.each([
    ['gpt-4o', 'gpt-4o'],
    ['gpt-4o-2024-08-06', 'gpt-4o'],
    ['openai/gpt-4o-mini', 'gpt-4o-mini'],
    ['gpt-5-chat-latest', 'gpt-5-chat'],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['claude-3-5-haiku@20241022', 'claude-3-5-haiku'],
    ['us.anthropic.claude-sonnet-4-20250514-v1:0', 'claude-sonnet-4'],
  ])('finds %s', (model, entry) => expect(priceOf(model, prices)).toBe(prices.models[entry]))

  it('prefers the dated entry, and knows no price for a model it does not know', () => {
    expect(priceOf('gpt-4o-2024-05-13', prices)?.input).toBe(5)
    expect(priceOf('gpt-4o-audio-preview', prices)).toBeUndefined()
    expect(priceOf('toString', prices)).toBeUndefined()
    expect(costUsd({ inputTokens: 10, outputTokens: 10 }, 'my-own', prices)).toBeUndefined()
    expect(costUsd({ outputTokens: 10 }, 'gpt-4o', prices)).toBeUndefined()
  })
  it('takes the longest pattern', () => {
    expect([priceOf('m-small', table)?.input, priceOf('m-large', table)?.input, priceOf('n-small', table)]).toEqual([1, 10, undefined])
  })
  it('prices what came from the cache and what went into it on its own', () => {
    expect(costUsd({ inputTokens: 1_000_000, outputTokens: 100_000, cacheReadTokens: 400_000 }, 'gpt-4o', prices)).toBe(1.5 + 0.5 + 1)
    const usage = { inputTokens: 1000, outputTokens: 0, cacheReadTokens: 500, cacheCreationTokens: 400, cacheCreation1hTokens: 100 }
    expect(costUsd(usage, 'claude-sonnet-4-5', prices)).toBeCloseTo((100 * 3 + 500 * 0.3 + 300 * 3.75 + 100 * 6) / 1e6, 9)
  })
  it('reads a span: the model that answered, the service tier', () => {
    const span = { 'gen_ai.request.model': 'gpt-4o', 'gen_ai.usage.input_tokens': 1_000_000, 'gen_ai.usage.output_tokens': 0 }
    expect(costOfSpan({ ...span, 'gen_ai.response.model': 'gpt-4o-mini-2024-07-18' }, prices)).toBe(0.15)
    expect(costOfSpan({ ...span, 'gen_ai.response.model': 'deployment-7' }, prices)).toBe(2.5)
    expect(costOfSpan({ ...span, 'openai.response.service_tier': 'flex' }, prices)).toBe(1.25)
    expect(costOfSpan({ ...span, 'openai.response.service_tier': 'priority' }, prices)).toBeUndefined()
    expect(costOfSpan({ 'gen_ai.request.model': 'gpt-4o' }, prices)).toBeUndefined()
  })
  it('knows the provider where several serve a model, and its tiers', () => {
    const used = { 'gen_ai.usage.input_tokens': 1_000_000, 'gen_ai.usage.output_tokens': 1_000_000 }
    const onGroq = { ...used, 'gen_ai.provider.name': 'groq', 'gen_ai.request.model': 'llama-3.3-70b-versatile' }
    expect(costOfSpan({ ...onGroq, 'openai.response.service_tier': 'on_demand' }, prices)).toBe(1.38)
    expect(costOfSpan({ ...onGroq, 'openai.response.service_tier': 'flex' }, prices)).toBe(1.38)
    expect(costOfSpan({ ...onGroq, 'gen_ai.provider.name': 'ollama' }, prices)).toBeUndefined()
    expect(priceOf('us.amazon.nova-lite-v1:0', prices)).toBe(prices.models['amazon.nova-lite'])
    expect(priceOf('mistral-large-latest', prices, 'mistral_ai')).toBeUndefined()
  })
  it('prices a long prompt as the provider does', () => {
    const usage = { inputTokens: 200_000, outputTokens: 1000 }
    expect(costUsd(usage, 'gemini-2.5-pro', prices)).toBeCloseTo(0.26, 9)
    expect(costUsd({ ...usage, inputTokens: 200_001, cacheReadTokens: 1 }, 'gemini-2.5-pro', prices)).toBeCloseTo(0.51500025, 9)
  })
  it('lets the user override models one by one', () => {
    const merged = mergePrices(prices, { date: '2026-11-01', models: { 'gpt-4o': { input: 1, output: 1 } } })
    expect([merged.date, priceOf('gpt-4o', merged)?.input, priceOf('gpt-4o-mini', merged)?.input]).toEqual(['2026-11-01', 1, 0.15])
    expect(mergePrices(prices, undefined)).toBe(prices)
  })
  it('has a date and positive prices', () => {
    expect(prices.date).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    for (const { above = { tokens: 1 }, ...price } of Object.values(prices.models)) {
      for (const value of [...Object.values(price), ...Object.values(above)]) expect(value).toBeGreaterThanOrEqual(0)
    }
  })
})
