import builtIn from '../../../prices.json' with { type: 'json' }
import type { Attributes } from '../../core/integration.ts'
import { costOfSpan, mergePrices, type PriceTable } from '../../semantics/prices.ts'

/** Adds `perf.ai.cost_usd` to the attributes of an AI call, as JSON text; leaves them as they are when the cost is not known, or was recorded. */
export type AddCost = (attributes: string) => string

/** What AI calls cost by the package's price table, with the user's own prices over it. */
export function addCost(own: Partial<PriceTable> | undefined): AddCost {
  const prices = mergePrices(builtIn as PriceTable, own)
  return (attributes) => {
    if (!attributes.includes('"gen_ai.usage.') || attributes.includes('"perf.ai.cost_usd"')) return attributes
    const cost = costOfSpan(JSON.parse(attributes) as Attributes, prices)
    return cost === undefined ? attributes : `${attributes.slice(0, -1)},"perf.ai.cost_usd":${cost}}`
  }
}
