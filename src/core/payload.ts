import { types } from 'node:util'

// Turns a value of the app into JSON text without running any of the app's code: no getters, no toJSON, no proxies,
// bounded in bytes, entries and depth. What does not fit is left out and the result says so.

export interface BoundedText {
  text: string
  /** True when something was left out. */
  cut: boolean
  /** True when `text` is JSON; false for a plain string value. */
  json: boolean
}

const MAX_DEPTH = 16
const MAX_ENTRIES = 4000

/** Serialises `value` into at most about `maxChars` characters; JSON stays valid when cut. */
export function boundedText(value: unknown, maxChars: number): BoundedText {
  if (typeof value === 'string') {
    return value.length <= maxChars ? { text: value, cut: false, json: false } : { text: value.slice(0, maxChars), cut: true, json: false }
  }
  charsLeft = maxChars
  entriesLeft = MAX_ENTRIES
  cut = false
  const text = render(value, 0)
  return { text: text ?? 'null', cut, json: true }
}

let charsLeft = 0
let entriesLeft = 0
let cut = false

function render(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return renderString(value)
    case 'number':
      charsLeft -= 8
      return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean':
      charsLeft -= 5
      return value ? 'true' : 'false'
    case 'bigint':
      return renderString(value.toString())
    case 'object':
      return value === null ? 'null' : renderObject(value, depth)
    default:
      return undefined
  }
}

function renderString(value: string): string {
  if (value.length > charsLeft) {
    cut = true
    const part = value.slice(0, Math.max(0, charsLeft))
    charsLeft = 0
    return JSON.stringify(part)
  }
  charsLeft -= value.length + 2
  return quote(value)
}

/** As `JSON.stringify` of a text, whose call into V8 costs as much as some 60 characters here. */
function quote(text: string): string {
  if (text.length > 48) return JSON.stringify(text)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 || code > 126 || code === 34 || code === 92) return JSON.stringify(text)
  }
  return `"${text}"`
}

function renderObject(value: object, depth: number): string {
  if (types.isProxy(value)) return '"[Proxy]"'
  if (depth >= MAX_DEPTH) {
    cut = true
    return '"[…]"'
  }
  if (Array.isArray(value)) return renderArray(value, depth)
  if (ArrayBuffer.isView(value)) return `{"$bytes":${value.byteLength}}`
  if (types.isAnyArrayBuffer(value)) return `{"$bytes":${value.byteLength}}`
  if (types.isDate(value)) return renderDate(value)
  if (types.isNativeError(value)) return `{"$error":${renderString(ownText(value, 'message'))}}`
  if (types.isMap(value) || types.isSet(value)) return `{"$size":${mapSize(value)}}`
  if (types.isPromise(value)) return '"[Promise]"'
  return renderEntries(value, depth)
}

// Tells of a getter in 22 ns; a property descriptor costs 106 of an element (Node 24). Asked of own properties only: a prototype may be a proxy.
const lookupGetter = (Object.prototype as unknown as { __lookupGetter__(this: unknown, key: PropertyKey): unknown }).__lookupGetter__
const { hasOwn } = Object

function renderArray(value: readonly unknown[], depth: number): string {
  let text = '['
  for (let i = 0; i < value.length; i++) {
    if (charsLeft <= 0 || --entriesLeft <= 0) {
      cut = true
      break
    }
    const part = !hasOwn(value, i) ? undefined : lookupGetter.call(value, i) === undefined ? render(value[i], depth + 1) : '"[Getter]"'
    text += (i > 0 ? ',' : '') + (part ?? 'null')
  }
  return text + ']'
}

function renderEntries(value: object, depth: number): string {
  let text = '{'
  let first = true
  for (const key of Object.keys(value)) {
    if (charsLeft <= 0 || --entriesLeft <= 0) {
      cut = true
      break
    }
    if (lookupGetter.call(value, key) !== undefined) continue
    const part = render(Reflect.get(value, key), depth + 1)
    if (part === undefined) continue
    charsLeft -= key.length + 4
    text += `${first ? '' : ','}${quote(key)}:${part}`
    first = false
  }
  return text + '}'
}

const dateToIso = Date.prototype.toISOString
const dateTime = Date.prototype.getTime
function renderDate(value: Date): string {
  charsLeft -= 26
  return Number.isNaN(dateTime.call(value)) ? 'null' : JSON.stringify(dateToIso.call(value))
}

const mapSizeGetter = Object.getOwnPropertyDescriptor(Map.prototype, 'size')?.get
const setSizeGetter = Object.getOwnPropertyDescriptor(Set.prototype, 'size')?.get
function mapSize(value: Map<unknown, unknown> | Set<unknown>): number {
  const getter = types.isMap(value) ? mapSizeGetter : setSizeGetter
  return Number(getter?.call(value) ?? 0)
}

/** An own data property as text, without running a getter. */
export function ownText(value: object, key: string): string {
  for (
    let owner: object | null = value, depth = 0;
    owner !== null && depth < 4;
    owner = Object.getPrototypeOf(owner) as object | null, depth++
  ) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, key)
    if (descriptor !== undefined) return typeof descriptor.value === 'string' ? descriptor.value : ''
  }
  return ''
}
