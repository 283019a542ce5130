// The HTTP API.
import express from 'express'
import { APIError } from 'openai'
import { answer, embed, explainOrder, streamAnswer } from './assistant.js'
import { cached } from './cache.js'
import { findCustomerOrders, findInvoice, findOrder } from './orders.js'

/** The Express app; `shutdown` is called once the answer to POST /admin/shutdown is on its way. */
export function createApp({ shutdown }) {
  const app = express()
  app.use(express.json({ limit: '256kb' }))

  app.get('/health', (request, response) => {
    response.json({ status: 'ok' })
  })

  app.post('/chat', async (request, response) => {
    const { conversation, message } = request.body
    if (typeof message !== 'string') return response.status(400).json({ error: 'message is required' })
    response.json(await answer(conversation, message))
  })

  app.get('/chat/stream', async (request, response) => {
    const { conversation, message } = request.query
    const aborted = new AbortController()
    response.on('close', () => aborted.abort())
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    try {
      for await (const event of streamAnswer(conversation, String(message), aborted.signal))
        response.write(`data: ${JSON.stringify(event)}\n\n`)
    } catch (error) {
      if (!aborted.signal.aborted) response.write(`data: ${JSON.stringify({ type: 'error', message: error.message })}\n\n`)
    }
    response.end()
  })

  app.post('/embed', async (request, response) => {
    response.json(await embed(request.body.texts))
  })

  app.get('/orders/:id', async (request, response) => {
    const order = await cached(`order:${request.params.id}`, 30, () => findOrder(Number(request.params.id)))
    if (!order) return response.status(404).json({ error: 'no such order' })
    response.json(order)
  })

  app.post('/orders/:id/explain', async (request, response) => {
    response.json(await explainOrder(Number(request.params.id), request.body.question))
  })

  app.get('/customers/:id/orders', async (request, response) => {
    response.json(await findCustomerOrders(Number(request.params.id)))
  })

  app.get('/invoices/:id', async (request, response) => {
    response.json(await findInvoice(Number(request.params.id)))
  })

  app.post('/admin/shutdown', (request, response) => {
    response.on('finish', shutdown)
    response.set('connection', 'close').json({ status: 'closing' })
  })

  app.use((error, request, response, next) => {
    console.log(`${request.method} ${request.path} failed: ${error.message}`)
    if (response.headersSent) return next(error)
    response.status(error instanceof APIError ? 502 : (error.status ?? 500)).json({ error: error.message })
  })
  return app
}
