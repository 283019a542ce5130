import type { Attributes } from '../core/integration.ts'
import type { AiUsage } from './ai.ts'

/** Prices of one model in USD per million tokens. */
export interface ModelPrice {
  input: number
  output: number
  /** Tokens read from a prompt cache; default `input`. */
  cache_read?: number
  /** Tokens written to a prompt cache; default `input`. */
  cache_write?: number
  /** Tokens written to a cache that is kept for an hour; default `cache_write`. */
  cache_write_1h?: number
  /** Prices of a call with more input tokens than this, cached ones included. */
  above?: { tokens: number; input: number; output: number; cache_read?: number; cache_write?: number }
}

/** The table of `prices.json`, or the user's own. */
export interface PriceTable {
  date: string
  source: string
  /** Factor on the list price by service tier, or by `provider/tier`; a tier that is not listed has no known price. */
  tiers?: Record<string, number>
  /** Model id, or a pattern in which `*` stands for anything; `provider/model` where others serve a model of that name at other prices. */
  models: Record<string, ModelPrice>
}

/** The user's prices over the built-in ones: models and tiers one by one, the user's first. */
export function mergePrices(builtIn: PriceTable, own: Partial<PriceTable> | undefined): PriceTable {
  if (own === undefined) return builtIn
  return {
    date: own.date ?? builtIn.date,
    source: own.source ?? builtIn.source,
    tiers: { ...builtIn.tiers, ...own.tiers },
    models: { ...builtIn.models, ...own.models },
  }
}

/**
 * Cost of a call in USD by what the provider billed, or undefined when the model's price or the token counts are not
 * known. Tokens read from and written to a cache are part of `inputTokens` and priced on their own.
 */
export function costUsd(usage: AiUsage, model: string, prices: PriceTable, provider?: string): number | undefined {
  const listed = priceOf(model, prices, provider)
  const { above } = listed ?? {}
  const price = above !== undefined && (usage.inputTokens ?? 0) > above.tokens ? above : listed
  const { inputTokens, outputTokens = 0, cacheReadTokens = 0, cacheCreationTokens = 0, cacheCreation1hTokens = 0 } = usage
  if (price === undefined || inputTokens === undefined) return undefined
  const { cache_read: read = price.input, cache_write: write = price.input } = price
  const { cache_write_1h: write1h = write }: Partial<ModelPrice> = price
  const plainTokens = Math.max(0, inputTokens - cacheReadTokens - cacheCreationTokens)
  const millionths =
    plainTokens * price.input +
    cacheReadTokens * read +
    (cacheCreationTokens - cacheCreation1hTokens) * write +
    cacheCreation1hTokens * write1h +
    outputTokens * price.output
  return Math.round(millionths * 1000) / 1e9
}

/** `perf.ai.cost_usd` of a span by its attributes; undefined when it has no usage, or its model or service tier no known price. */
export function costOfSpan(attributes: Attributes, prices: PriceTable): number | undefined {
  const model = attributes['gen_ai.response.model'] ?? attributes['gen_ai.request.model']
  if (typeof model !== 'string') return undefined
  const tier = attributes['openai.response.service_tier'] ?? attributes['perf.ai.service_tier'] ?? 'default'
  const provider = attributes['gen_ai.provider.name']
  const from = typeof provider === 'string' ? provider : ''
  const factor =
    typeof tier === 'string'
      ? (prices.tiers?.[`${from}/${tier}`] ?? prices.tiers?.[tier] ?? (tier === 'default' ? 1 : undefined))
      : undefined
  const count = (key: string): number | undefined => {
    const value = attributes[key]
    return typeof value === 'number' ? value : undefined
  }
  const usage: AiUsage = {
    inputTokens: count('gen_ai.usage.input_tokens'),
    outputTokens: count('gen_ai.usage.output_tokens'),
    cacheReadTokens: count('gen_ai.usage.cache_read.input_tokens'),
    cacheCreationTokens: count('gen_ai.usage.cache_creation.input_tokens'),
    cacheCreation1hTokens: count('perf.ai.usage.cache_creation_1h_tokens'),
  }
  const requested = attributes['gen_ai.request.model']
  const cost = costUsd(usage, model, prices, from) ?? (typeof requested === 'string' ? costUsd(usage, requested, prices, from) : undefined)
  return cost === undefined || factor === undefined ? undefined : Math.round(cost * factor * 1e9) / 1e9
}

/** The price of `model`: the entry of its provider, its own entry, else that of the same model without provider prefix and date, else the longest matching pattern. */
export function priceOf(model: string, prices: PriceTable, provider = ''): ModelPrice | undefined {
  const { models } = prices
  for (const id of [`${provider}/${model}`, model, undated(model)]) if (Object.hasOwn(models, id)) return models[id]
  const patterns = Object.keys(models).filter((id) => id.includes('*') && matches(id, model))
  const longest = patterns.sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? undefined : models[longest]
}

// `us.anthropic.claude-sonnet-4-20250514-v1:0`, `models/x`, `openai/gpt-4o-2024-08-06`, `claude-3-5-haiku@20241022`, `…-latest`
function undated(model: string): string {
  return model
    .replace(/^.*\//, '')
    .replace(/^(?:[a-z]{2,6}\.)?anthropic\./, '')
    .replace(/^[a-z]{2,6}\.amazon\./, 'amazon.')
    .replace(/-v\d+(:\d+)?$/, '')
    .replace(/(?:[-@]\d{4}-\d{2}-\d{2}|[-@]\d{8}|-latest)$/, '')
}

function matches(pattern: string, model: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (!model.startsWith(first)) return false
  let at = first.length
  for (const [index, part] of rest.entries()) {
    const found = index === rest.length - 1 ? (model.endsWith(part) ? model.length - part.length : -1) : model.indexOf(part, at)
    if (found < at) return false
    at = found + part.length
  }
  return true
}
