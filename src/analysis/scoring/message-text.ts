/** One message of a prompt or an answer. */
export interface MessageText {
  role: string
  text: string
}

const TEXT_KEYS = ['text', 'content', 'parts', 'message', 'output', 'refusal', 'summary'] as const

/**
 * The messages in a recorded payload, whichever provider's format it has: text, lists of messages, parts and blocks of content. JSON that was cut
 * is read as far as its texts go. An empty list when there is no text in it.
 */
export function messagesIn(payload: string): MessageText[] {
  const trimmed = payload.trimStart()
  if (trimmed[0] !== '[' && trimmed[0] !== '{' && trimmed[0] !== '"') return payload === '' ? [] : [{ role: 'user', text: payload }]
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return cutMessages(payload)
  }
  const list = Array.isArray(value) ? value : [value]
  return list.flatMap((message: unknown): MessageText[] => {
    const text = textOf(message, 0)
    return text === '' ? [] : [{ role: roleOf(message), text }]
  })
}

/** All text of a payload. */
export const textIn = (payload: string): string =>
  messagesIn(payload)
    .map(({ text }) => text)
    .join('\n')

function roleOf(message: unknown): string {
  const { role, type } = (typeof message === 'object' && message !== null ? message : {}) as { role?: unknown; type?: unknown }
  if (typeof role === 'string') return role === 'model' ? 'assistant' : role === 'developer' ? 'system' : role
  return type === 'function_call_output' ? 'tool' : 'user'
}

function textOf(value: unknown, depth: number): string {
  if (typeof value === 'string') return value
  if (depth > 8 || typeof value !== 'object' || value === null) return ''
  if (Array.isArray(value))
    return value
      .map((entry) => textOf(entry, depth + 1))
      .filter((text) => text !== '')
      .join('\n')
  const record = value as Record<string, unknown>
  return TEXT_KEYS.map((key) => (key in record ? textOf(record[key], depth + 1) : ''))
    .filter((text) => text !== '')
    .join('\n')
}

/** Texts of JSON whose end is missing; the role is the last one named before each. */
function cutMessages(payload: string): MessageText[] {
  const messages: MessageText[] = []
  let role = 'user'
  for (const [, key = '', text = ''] of payload.matchAll(/"(role|content|text)"\s*:\s*"((?:[^"\\]|\\.)*)/g)) {
    if (key === 'role') role = roleOf({ role: text })
    else if (text !== '') messages.push({ role, text: unescaped(text) })
  }
  return messages
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text.replace(/\\u[0-9a-f]{0,3}$/i, '').replace(/\\$/, '')}"`) as string
  } catch {
    return text
  }
}
