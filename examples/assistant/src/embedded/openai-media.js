// The endpoints beside text: embeddings, models, images, audio. Bodies are small and depend only on the request.
import { createHash } from 'node:crypto'
import { withoutMarkers } from './markers.js'
import { countTokens } from './scripted-model.js'

const MODELS = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-5', 'gpt-5-mini', 'text-embedding-3-small', 'gpt-image-1', 'whisper-1', 'tts-1']
const modelOf = (id) => ({ id, object: 'model', created: 1715367049, owned_by: 'system' })

/** The routes for embeddings, models, images and audio. */
export const mediaRoutes = [
  { method: 'POST', path: /^\/v1\/embeddings$/, handle: embed },
  { method: 'GET', path: /^\/v1\/models$/, handle: ({ reply }) => reply.json(200, { object: 'list', data: MODELS.map(modelOf) }) },
  { method: 'GET', path: /^\/v1\/models\/(?<id>.+)$/, handle: ({ params, reply }) => reply.json(200, modelOf(params.id)) },
  { method: 'POST', path: /^\/v1\/images\/(generations|edits|variations)$/, handle: draw },
  { method: 'POST', path: /^\/v1\/audio\/speech$/, handle: speak },
  { method: 'POST', path: /^\/v1\/audio\/(transcriptions|translations)$/, handle: transcribe },
]

// Both encodings: the SDK asks for base64 by default and decodes it itself; `float` gives plain numbers.
function embed({ body, reply }) {
  const inputs = Array.isArray(body.input) && typeof body.input[0] !== 'number' ? body.input : [body.input]
  const data = inputs.map((input, index) => {
    const vector = vectorOf(JSON.stringify(input), body.dimensions ?? 256)
    const embedding = body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector)
    return { object: 'embedding', index, embedding }
  })
  const tokens = inputs.reduce((sum, input) => sum + countTokens(input), 0)
  reply.json(200, {
    object: 'list',
    data,
    model: withoutMarkers(String(body.model)),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
}

/** A vector of length one that only depends on the text. */
function vectorOf(text, dimensions) {
  const vector = new Float32Array(dimensions)
  for (let start = 0; start < dimensions; start += 32) {
    const bytes = createHash('sha256').update(`${start}:${text}`).digest()
    for (let index = 0; index < 32 && start + index < dimensions; index++) vector[start + index] = (bytes[index] - 127.5) / 127.5
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

const ONE_PIXEL_PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

function draw({ body, reply }) {
  const usage = { input_tokens: 12, input_tokens_details: { text_tokens: 12, image_tokens: 0 }, output_tokens: 272, total_tokens: 284 }
  const data = Array.from({ length: body.n ?? 1 }, () => ({ b64_json: ONE_PIXEL_PNG }))
  reply.json(200, { created: Math.floor(Date.now() / 1000), data, output_format: 'png', size: '1024x1024', usage })
}

function speak({ body, reply }) {
  reply.bytes(200, 'audio/mpeg', Buffer.concat([Buffer.from('ID3'), Buffer.alloc(1021, String(body.input ?? 'a'))]))
}

function transcribe({ body, reply }) {
  const usage = { type: 'duration', seconds: 2 }
  const asText = /name="response_format"\r\n\r\n(text|srt|vtt)\r\n/.test(body)
  return asText ? reply.bytes(200, 'text/plain', 'Where is my order?\n') : reply.json(200, { text: 'Where is my order?', usage })
}
