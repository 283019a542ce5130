// A local HTTP server whose behaviour the request itself chooses: `[[name]]` or `[[name:argument]]` in the prompt or
// in the model name. Used by the embedded AI provider and by the tests of the repository.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { readMarkers } from './markers.js'
import { createReply } from './scripted-reply.js'

/**
 * Starts a server on a free port; each request goes to the first route that matches its method and path.
 *
 * Markers handled here, before any route: `[[429]]`, `[[500:2]]` and every other 4xx/5xx (argument: how many attempts
 * fail or `always`; one for 429 and 529, all for the others), `[[retry-after:ms]]`, `[[hang]]`, `[[slow:ms]]`.
 *
 * @param {import('./scripted-server.js').Provider} provider
 * @param {import('./scripted-server.js').Timing & { port?: number }} [options]
 * @returns {Promise<import('./scripted-server.js').ScriptedServer>}
 */
export async function startScriptedServer(provider, { port = 0, firstTokenMs = 0, gapMs = 0 } = {}) {
  const requests = []
  const attempts = new Map()
  const server = createServer((request, response) => {
    serve(request, response).catch((error) => {
      if (response.headersSent) response.destroy(error)
      else response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify(provider.errorBody(500, String(error))))
    })
  })

  async function serve(request, response) {
    const raw = await readBody(request)
    const url = new URL(request.url, 'http://localhost')
    const isJson = (request.headers['content-type'] ?? '').includes('json')
    const body = isJson && raw.length > 0 ? JSON.parse(raw.toString('utf8')) : raw.toString('utf8')
    const markers = readMarkers(isJson ? provider.promptOf(body) : raw.toString('latin1'))
    const attempt = countAttempt(attempts, request, raw)
    const recorded = {
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
      attempt,
      status: 0,
      aborted: false,
    }
    requests.push(recorded)
    response.on('close', () => (recorded.aborted = !response.writableFinished))
    const timing = { firstTokenMs: markers.number('slow', firstTokenMs), gapMs: markers.number('gap', gapMs) }
    const reply = createReply(response, { provider, recorded, markers, timing })

    const route = provider.routes.find(({ method, path }) => method === request.method && path.test(url.pathname))
    if (!route) return reply.error(404, `Unknown request: ${request.method} ${url.pathname}`)
    if (markers.has('hang')) return
    const status = failingStatus(markers, attempt)
    if (status) return reply.failure(status, markers.number('retry-after', 30))
    await delay(body?.stream ? 0 : timing.firstTokenMs)
    await route.handle({
      body,
      markers,
      reply,
      params: route.path.exec(url.pathname)?.groups ?? {},
      query: url.searchParams,
      origin: `http://${request.headers.host}`,
    })
  }

  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function readBody(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

// The SDKs number their retries in a header; other clients are recognised by sending the same bytes again.
function countAttempt(attempts, request, raw) {
  const header = request.headers['x-stainless-retry-count']
  if (header !== undefined) return Number(header) + 1
  const key = createHash('sha1').update(`${request.method} ${request.url}\n`).update(raw).digest('hex')
  const attempt = (attempts.get(key) ?? 0) + 1
  attempts.set(key, attempt)
  return attempt
}

function failingStatus(markers, attempt) {
  for (const name of markers.names()) {
    if (!/^[45]\d\d$/.test(name)) continue
    const usual = name === '429' || name === '529' ? 1 : Infinity
    const failures = markers.text(name) === 'always' ? Infinity : markers.number(name, usual)
    if (attempt <= failures) return Number(name)
  }
  return undefined
}
