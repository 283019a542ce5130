// The message batches endpoints: create, retrieve, list, cancel, results as JSON Lines.
import { readMarkers } from '../../examples/assistant/src/embedded/markers.js'
import type { Markers } from '../../examples/assistant/src/embedded/markers.js'
import type { Exchange, Route } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { Message, MessagesRequest } from './anthropic-types.ts'

interface Batch {
  id: string
  requests: { custom_id: string; params: MessagesRequest }[]
  createdAt: string
  /** Retrievals that still find it in progress. */
  pending: number
  isCanceled: boolean
}

interface BatchProvider {
  promptOf(body: MessagesRequest): string
  errorBody(status: number, message: string): unknown
  createMessage(body: MessagesRequest, exchange: { markers: Markers }): Message
}

/**
 * The routes, with their own store. Markers in a batched prompt: `[[pending:n]]` (in progress for n retrievals, in the
 * first request), `[[400]]` and its like (an errored result), `[[expired]]`, `[[canceled]]`.
 */
export function batchRoutes(provider: BatchProvider): Route[] {
  const batches = new Map<string, Batch>()

  const withBatch = (handle: (batch: Batch, exchange: Exchange) => void) => (exchange: Exchange) => {
    const batch = batches.get(exchange.params['id'] ?? '')
    if (batch) handle(batch, exchange)
    else exchange.reply.error(404, `Not found: ${exchange.params['id']}`)
  }

  function create({ body, reply, origin }: Exchange) {
    const id = `msgbatch_${String(batches.size + 1).padStart(8, '0')}`
    const [first] = body.requests as Batch['requests']
    const pending = first ? markersOf(first.params).number('pending', 0) : 0
    const batch: Batch = { id, requests: body.requests, createdAt: new Date().toISOString(), pending, isCanceled: false }
    batches.set(id, batch)
    reply.json(200, describe(batch, true, origin))
  }

  const retrieve = withBatch((batch, { reply, origin }) => reply.json(200, describe(batch, batch.pending-- > 0, origin)))
  const cancel = withBatch((batch, { reply, origin }) => {
    batch.isCanceled = true
    reply.json(200, { ...describe(batch, true, origin), processing_status: 'canceling', cancel_initiated_at: new Date().toISOString() })
  })
  const results = withBatch((batch, { reply }) => {
    const lines = batch.requests.map((request) => JSON.stringify({ custom_id: request.custom_id, result: resultOf(batch, request.params) }))
    reply.bytes(200, 'application/x-jsonl', `${lines.join('\n')}\n`)
  })

  const markersOf = (params: MessagesRequest) => readMarkers(provider.promptOf(params))

  function resultOf(batch: Batch, params: MessagesRequest) {
    const markers = markersOf(params)
    if (batch.isCanceled || markers.has('canceled')) return { type: 'canceled' }
    if (markers.has('expired')) return { type: 'expired' }
    const status = markers.names().find((name) => /^[45]\d\d$/.test(name))
    if (status) return { type: 'errored', error: provider.errorBody(Number(status), `Scripted failure ${status}`) }
    return { type: 'succeeded', message: provider.createMessage(params, { markers }) }
  }

  function describe(batch: Batch, isRunning: boolean, origin: string) {
    const counts = { processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0 }
    for (const { params } of batch.requests) counts[isRunning ? 'processing' : (resultOf(batch, params).type as keyof typeof counts)]++
    return {
      id: batch.id,
      type: 'message_batch',
      processing_status: isRunning ? 'in_progress' : 'ended',
      request_counts: counts,
      created_at: batch.createdAt,
      ended_at: isRunning ? null : new Date().toISOString(),
      expires_at: new Date(Date.parse(batch.createdAt) + 86_400_000).toISOString(),
      archived_at: null,
      cancel_initiated_at: null,
      results_url: isRunning ? null : `${origin}/v1/messages/batches/${batch.id}/results`,
    }
  }

  const list = ({ reply, origin }: Exchange) => {
    const data = [...batches.values()].map((batch) => describe(batch, batch.pending > 0, origin))
    reply.json(200, { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null })
  }

  return [
    { method: 'POST', path: /^\/v1\/messages\/batches$/, handle: create },
    { method: 'GET', path: /^\/v1\/messages\/batches$/, handle: list },
    { method: 'GET', path: /^\/v1\/messages\/batches\/(?<id>[\w-]+)$/, handle: retrieve },
    { method: 'POST', path: /^\/v1\/messages\/batches\/(?<id>[\w-]+)\/cancel$/, handle: cancel },
    { method: 'GET', path: /^\/v1\/messages\/batches\/(?<id>[\w-]+)\/results$/, handle: results },
  ]
}
