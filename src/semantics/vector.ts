// Calls to vector stores: operation, collection, how many were asked for and found. Vectors are neither attributes nor payloads.
import type { Attributes, SpanEnd, SpanStart } from '../core/integration.ts'
import type { Endpoint } from './db.ts'

/** What is known of a call before it is made. */
export interface VectorCall {
  operation: string
  collection: string | undefined
  /** How many of the nearest are asked for. */
  topK?: number | undefined
  /** Length of the vector that is searched for. */
  dimension?: number | undefined
  /** Records written or deleted, or searches made, at once. */
  size?: number | undefined
  /** What is asked for beside vectors: ids, texts, a filter. Left out for a search by vector, which it would not tell from others. */
  parameters?: unknown
}

/** The start of a call to a vector store. */
export function vectorStart(endpoint: Endpoint, { operation, collection, topK, dimension, size, parameters }: VectorCall): SpanStart {
  const { name, kind, attributes } = endpoint.command(operation, collection)
  const more: Attributes = {
    'db.operation.batch.size': size === 1 ? undefined : size,
    'perf.vector.top_k': topK,
    'perf.vector.dimension': dimension,
  }
  const start: SpanStart = { name, kind, attributes: { ...attributes, ...more } }
  if (parameters !== undefined) start.payloads = [{ role: 'db.query.parameters', value: parameters }]
  return start
}

/** The end of a call that found `rows` records. */
export function vectorFound(rows: number | undefined): SpanEnd | undefined {
  return rows === undefined ? undefined : { attributes: { 'db.response.returned_rows': rows } }
}

/** The length of a vector of any kind: an array of numbers, typed or not. */
export function dimensionOf(value: unknown): number | undefined {
  if (ArrayBuffer.isView(value)) return (value as Uint8Array).length
  return Array.isArray(value) && typeof value[0] === 'number' ? value.length : undefined
}

/** The length of a list, undefined for anything else. */
export function lengthOf(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined
}
