// A chat completion endpoint with one constant answer, in its own process so that it costs the measured app nothing.
import { createServer } from 'node:http'

const answer = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1767225600,
  model: 'bench-model',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Very little.', refusal: null }, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 21, completion_tokens: 3, total_tokens: 24 },
})
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) }

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume()
  request.on('end', () => response.writeHead(200, headers).end(answer))
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('disconnect', () => process.exit(0))
