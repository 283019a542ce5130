import { REDACTED } from './secret-patterns.ts'

// Captured payloads are JSON. Cutting or redacting one must leave JSON.

interface Rules {
  isSecretKey(key: string): boolean
  redactText(text: string): string
  textOf(text: string, key: string): string
}

const MAX_DEPTH = 64
/** JSON inside a string of JSON (the arguments of a tool call) is followed this deep. */
const MAX_NESTED = 3

/** Redacts JSON text by its keys and its strings; `text` itself when nothing changes. */
export function redactJsonWith(text: string, rules: Rules): string {
  return redactNested(text, rules, 0) ?? rules.redactText(text)
}

/** Undefined when `text` is no JSON, not even cut JSON. */
function redactNested(text: string, rules: Rules, nested: number): string | undefined {
  const whole = parse(text)
  const closed = whole === undefined ? closeJson(text) : text
  const value = whole ?? (closed === undefined ? undefined : parse(closed))
  if (closed === undefined || value === undefined) return undefined
  const state = { changed: false, nested }
  const redacted = walk(value.value, '', 0, rules, state)
  return state.changed ? JSON.stringify(redacted) : closed
}

function walk(value: unknown, key: string, depth: number, rules: Rules, state: { changed: boolean; nested: number }): unknown {
  if (typeof value === 'string') {
    const redacted = redactString(value, key, rules, state.nested)
    if (redacted !== value) state.changed = true
    return redacted
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) {
    state.changed = true
    return REDACTED
  }
  if (Array.isArray(value)) return value.map((item) => walk(item, key, depth + 1, rules, state))
  const result: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) {
    const safeName = rules.redactText(name)
    if (safeName !== name) state.changed = true
    const hidden = isContent(inner) && rules.isSecretKey(name) && !isSchema(inner)
    if (hidden) state.changed = true
    // defineProperty: a key may be `__proto__`.
    Object.defineProperty(result, safeName, {
      value: hidden ? REDACTED : walk(inner, name, depth + 1, rules, state),
      enumerable: true, configurable: true, writable: true,
    }) // prettier-ignore
  }
  return result
}

function redactString(text: string, key: string, rules: Rules, nested: number): string {
  const first = text.charCodeAt(0)
  if ((first === 0x7b || first === 0x5b) && nested < MAX_NESTED) {
    const inner = redactNested(text, rules, nested + 1)
    if (inner !== undefined) return inner
  }
  return rules.textOf(text, key)
}

function isContent(value: unknown): boolean {
  return value !== null && value !== '' && typeof value !== 'boolean'
}

const SCHEMA_TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])

/** `"password": { "type": "string" }` describes a parameter and holds no password. */
function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && SCHEMA_TYPES.has(value.type)
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** Makes JSON that was cut anywhere valid again: ends an open string, drops a half key or number, closes what is open. */
export function closeJson(text: string): string | undefined {
  const start = text.search(/\S/)
  if (start < 0 || !'{["'.includes(text.charAt(start))) return undefined
  const open: string[] = []
  let end = 0
  let depthAtEnd = 0
  let expectsKey = false
  let i = start
  while (i < text.length) {
    const char = text.charAt(i)
    if (char === '"') {
      const close = endOfString(text, i + 1)
      if (close < 0) return expectsKey ? finish(text.slice(0, end), open.slice(0, depthAtEnd)) : finish(`${withoutHalfEscape(text)}"`, open)
      i = close + 1
      if (!expectsKey) [end, depthAtEnd] = [i, open.length]
      expectsKey = false
      continue
    }
    i++
    if (char === '{' || char === '[') {
      open.push(char === '{' ? '}' : ']')
      expectsKey = char === '{'
      ;[end, depthAtEnd] = [i, open.length]
    } else if (char === '}' || char === ']') {
      if (open.pop() !== char) return undefined
      expectsKey = false
      ;[end, depthAtEnd] = [i, open.length]
    } else if (char === ',') {
      expectsKey = open.at(-1) === '}'
    } else if (char !== ':' && !/\s/.test(char)) {
      while (i < text.length && !/[\s,\]}]/.test(text.charAt(i))) i++
      if (i < text.length) [end, depthAtEnd] = [i, open.length]
    }
  }
  return finish(text.slice(0, end), open.slice(0, depthAtEnd))
}

function finish(text: string, open: readonly string[]): string {
  return text + open.toReversed().join('')
}

function endOfString(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) return i
    if (code === 0x5c) i++
  }
  return -1
}

/** Removes a trailing `\`, `\u00` or half of a surrogate pair. */
function withoutHalfEscape(text: string): string {
  const escape = /(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$/.exec(text)
  const whole = escape === null ? text : text.slice(0, text.length - (escape[1] ?? '').length)
  return /[\uD800-\uDBFF]$/.test(whole) ? whole.slice(0, -1) : whole
}
