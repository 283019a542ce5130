// Stands in for every peer's backend at once (their paths differ): answers 200, and counts spans by layer while asked to.
import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { spanLabels } from './sink-decoders.mjs'

const layers = [
  ['ai', /openai|gen_ai|chat bench-model/i],
  ['pg', /postgres|\bpg\b|instrumentation-pg|pg\.query/i],
  ['redis', /redis/i],
  ['http', /http|express|web\.request|request/i],
]
const counts = {}
let isCounting = false

const server = createServer((request, response) => {
  if (!isCounting) {
    request.resume()
    request.on('end', () => answer(request, response))
    return
  }
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    answer(request, response)
    try {
      count(request, Buffer.concat(chunks))
    } catch (error) {
      console.error(`sink: ${request.url}: ${error.message}`)
    }
  })
})

function answer(request, response) {
  response.setHeader('content-type', 'application/json')
  if (request.url.startsWith('/info')) response.end('{"endpoints":["/v0.4/traces"],"version":"7.60.0"}')
  else if (request.url === '/') response.end('{"version":"8.17.0"}')
  else if (request.url.startsWith('/intake/')) response.writeHead(202).end()
  else if (request.url.startsWith('/v1/')) response.setHeader('content-type', 'application/x-protobuf').end()
  else response.end('{}')
}

function count(request, raw) {
  const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
  const decoder = spanLabels.find(({ path }) => path.test(request.url))
  if (!decoder || body.length === 0) return
  const variant = (counts[decoder.variant] ??= {})
  for (const label of decoder.decode(body)) {
    const layer = layers.find(([, pattern]) => pattern.test(label))?.[0] ?? 'other'
    variant[layer] = (variant[layer] ?? 0) + 1
  }
}

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('message', (message) => {
  if (message === 'count') {
    for (const variant of Object.keys(counts)) delete counts[variant]
    isCounting = true
  }
  if (message === 'counts') process.send({ counts })
  if (message === 'quiet') isCounting = false
})
process.on('disconnect', () => process.exit(0))
