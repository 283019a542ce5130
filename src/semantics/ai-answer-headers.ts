import type { Attributes } from '../core/integration.ts'

/** Attributes that `answerHeaderAttributes` may give, for `records` and the pages. */
export const ANSWER_HEADERS = [
  'perf.ai.request_id',
  'perf.ai.processing_ms',
  ...['requests', 'tokens', 'input_tokens', 'output_tokens'].flatMap((what) => [
    `perf.ai.limit.${what}`,
    `perf.ai.limit.${what}_remaining`,
  ]),
]

/** `x-ratelimit-remaining-requests`, `anthropic-ratelimit-input-tokens-limit`, `x-ratelimit-limit-req-minute`, `x-ratelimit-remaining`. */
const LIMIT = /^(?:x-|anthropic-)ratelimit-/
const SUBJECTS: Readonly<Record<string, string>> = {
  __proto__: null as never,
  '': 'requests',
  req: 'requests',
  requests: 'requests',
  tokens: 'tokens',
  'input-tokens': 'input_tokens',
  'output-tokens': 'output_tokens',
}

/**
 * What the headers of a provider's answer say of the call: how much of the account's limits is left, the request's id, how long the provider took. `raw` are names and
 * values in turn; undefined where nothing is said. Limits by the day or month are kept where none by the minute is given.
 */
export function answerHeaderAttributes(raw: readonly (string | Uint8Array)[]): Attributes | undefined {
  let found: Record<string, string | number> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i]).toLowerCase()
    const attribute = ATTRIBUTES[name] ?? limitOf(name)
    if (attribute === undefined) continue
    const value = text(raw[i + 1])
    found ??= {}
    if (attribute === 'perf.ai.request_id') found[attribute] ??= value.slice(0, 128)
    else if (NUMBER.test(value) && (found[attribute] === undefined || name.endsWith('-minute'))) found[attribute] = Number(value)
  }
  return found
}

const NUMBER = /^\d{1,15}(?:\.\d+)?$/
const ATTRIBUTES: Readonly<Record<string, string>> = {
  __proto__: null as never,
  'x-request-id': 'perf.ai.request_id',
  'request-id': 'perf.ai.request_id',
  'openai-processing-ms': 'perf.ai.processing_ms',
  'x-envoy-upstream-service-time': 'perf.ai.processing_ms',
  'x-trial-endpoint-call-limit': 'perf.ai.limit.requests',
  'x-trial-endpoint-call-remaining': 'perf.ai.limit.requests_remaining',
}

function limitOf(name: string): string | undefined {
  if (!LIMIT.test(name)) return undefined
  const words = name.slice(name.indexOf('ratelimit-') + 10).replace(/-(?:minute|day|month)$/, '').split('-') // prettier-ignore
  const at = words.findIndex((word) => word === 'limit' || word === 'remaining')
  if (at < 0) return undefined
  const [word] = words.splice(at, 1)
  const subject = SUBJECTS[words.join('-')]
  return subject === undefined ? undefined : `perf.ai.limit.${subject}${word === 'remaining' ? '_remaining' : ''}`
}

function text(value: string | Uint8Array | undefined): string {
  return typeof value === 'string' ? value : value === undefined ? '' : Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1') // prettier-ignore
}
