// A local server that speaks the OpenAI protocol. What it answers is decided by markers in the prompt or model name
// (scripted-server.js, scripted-reply.js, scripted-model.js); without markers it simply answers.
import { handleChat } from './openai-chat.js'
import { mediaRoutes } from './openai-media.js'
import { createResponsesRoutes } from './openai-responses.js'
import { startScriptedServer } from './scripted-server.js'

/**
 * Starts the server on a free port; its API is at `<url>/v1`.
 * @param {import('./scripted-server.js').Timing & { port?: number }} [options]
 */
export function startOpenAIServer(options) {
  let answers = 0
  return startScriptedServer(
    {
      promptOf,
      errorBody,
      errorEvent: (sequence) => errorEvent(sequence),
      headers: () => ({
        'x-request-id': `req_${String(++answers).padStart(12, '0')}`,
        'openai-version': '2020-10-01',
        'openai-processing-ms': '5',
        'x-ratelimit-limit-requests': '10000',
        'x-ratelimit-remaining-requests': '9999',
      }),
      routes: [{ method: 'POST', path: /^\/v1\/chat\/completions$/, handle: handleChat }, ...createResponsesRoutes(), ...mediaRoutes],
    },
    options,
  )
}

/** The part of a request that may carry markers: the model name and the last thing the user said. */
function promptOf(body) {
  const user = lastUserText(body.messages ?? (Array.isArray(body.input) ? body.input : []))
  const input =
    typeof body.input === 'string' ? body.input : Array.isArray(body.input) && typeof body.input[0] === 'string' ? body.input.join(' ') : ''
  return [body.model, user, input, body.prompt].filter(Boolean).join(' ')
}

function lastUserText(messages) {
  const content = messages.findLast((message) => message?.role === 'user')?.content ?? ''
  return typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(' ')
}

const ERROR_TYPES = { 400: 'invalid_request_error', 401: 'invalid_request_error', 404: 'invalid_request_error', 429: 'rate_limit_error' }
const ERROR_CODES = { 401: 'invalid_api_key', 404: 'model_not_found', 429: 'rate_limit_exceeded' }

function errorBody(status, message) {
  return { error: { message, type: ERROR_TYPES[status] ?? 'server_error', param: null, code: ERROR_CODES[status] ?? null } }
}

// One frame for both protocols: chat clients look at `data.error`, responses clients at the `error` event's type.
function errorEvent(sequence) {
  const message = 'The server had an error while processing your request.'
  const data = { type: 'error', sequence_number: sequence, code: 'server_error', message, param: null }
  return { event: 'error', data: { ...data, error: { type: 'server_error', code: 'server_error', message, param: null } } }
}
