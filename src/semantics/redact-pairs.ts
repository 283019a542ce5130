import type { SecretKeys } from './secret-keys.ts'
import { REDACTED } from './secret-patterns.ts'

// Secrets that show by the name in front of them: `password=…`, `"apiKey":"…"`, `Cookie: …`, `--token …`, `?code=…`.

/** `authorization: …` and `cookie: …`: up to the end of the line, the quotation or the list. */
const HEADER_LINE =
  /\b((?:proxy-)?authorization|(?:set-)?cookie2?)(\\*["']?\s*[:=]\s*)(?:(\\*["'])[^]*?(?:(?<!\\)\3|$)|\[[^\]]*(?:\]|$)|[^\s"'\\[](?:="[^"\r\n]*"|[^\r\n"'\\])*)/gi
const HEADER_NAME = /authoriz|cookie/i
const VALUE = /(\\*["'`])[^]*?(?:(?<!\\)\1|$)|(?:[^\s"'`&;,)\]}<>\\]|,(?![\s\w.-]{0,100}[=:]))+/y
/** `--token value`, `-u user:password`. */
const FLAG = /(?<=^|\s)(--?[a-zA-Z][\w-]{0,60})(\s{1,8})(?!-)("[^"]*"|'[^']*'|\S+)/g

/** Replaces the values behind secret names. */
export function redactPairs(text: string, keys: SecretKeys): string {
  let result = text
  if (text.includes('=') || text.includes(':')) {
    if (HEADER_NAME.test(text)) {
      result = text.replace(
        HEADER_LINE,
        (_match, name: string, between: string, quote: string | undefined) => name + between + quoted(quote),
      )
    }
    result = redactValues(result, keys)
  }
  if (!text.includes(' -') && !text.startsWith('-')) return result
  return result.replace(FLAG, (match, flag: string, space: string) => (flag === '-u' || keys.has(flag) ? flag + space + REDACTED : match))
}

/** Replaces the values of secret query parameters of a URL or a bare query string. */
export function redactQuery(url: string, keys: SecretKeys): string {
  const start = url.indexOf('?') + 1
  if (start === 0 && !url.includes('=')) return url
  const hash = url.indexOf('#', start)
  const query = hash < 0 ? url.slice(start) : url.slice(start, hash)
  const redacted = query
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=')
      return equals > 0 && keys.hasQuery(decode(part.slice(0, equals))) ? `${part.slice(0, equals)}=${REDACTED}` : part
    })
    .join('&')
  return redacted === query ? url : url.slice(0, start) + redacted + (hash < 0 ? '' : url.slice(hash))
}

function redactValues(text: string, keys: SecretKeys): string {
  let result = ''
  let from = 0
  for (let i = 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code !== 0x3d && code !== 0x3a) continue // = :
    const key = keyBefore(text, i, from)
    if (key === undefined || !(key.inQuery ? keys.hasQuery(key.name) : keys.has(key.name))) continue
    const start = valueStart(text, i + 1)
    VALUE.lastIndex = start
    const value = VALUE.exec(text)
    if (value === null) continue
    result += text.slice(from, start) + quoted(value[1])
    from = VALUE.lastIndex
    i = from - 1
  }
  return from === 0 ? text : result + text.slice(from)
}

const MAX_KEY = 100
const MAX_SPACES = 16

/** The name that ends before the `=` or `:` at `at`: `name=`, `"name" :`, `\"name\":`, `user[name]=`, `name[0]=`, `?name=`. */
function keyBefore(text: string, at: number, from: number): { name: string; inQuery: boolean } | undefined {
  let end = at
  if (text[at] === '=' && text[at - 1] === ':') end--
  const floor = Math.max(from, at - MAX_KEY - MAX_SPACES)
  while (end > floor && isSpace(text.charCodeAt(end - 1))) end--
  if (text[end - 1] === ']') {
    end--
    let digits = end
    while (digits > floor && isDigit(text.charCodeAt(digits - 1))) digits--
    if (text[digits - 1] === '[') end = digits - 1
  }
  if (isQuote(text[end - 1])) end--
  while (end > floor && text[end - 1] === '\\') end--
  let start = end
  while (start > floor && isKeyChar(text.charCodeAt(start - 1))) start--
  if (start === end) return undefined
  const before = text[start - 1]
  return { name: text.slice(start, end), inQuery: before === '?' || before === '&' }
}

function valueStart(text: string, after: number): number {
  let start = after
  if (text[start] === '=' || text[start] === '>') start++
  while (isSpace(text.charCodeAt(start))) start++
  return start
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13)
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function isQuote(char: string | undefined): boolean {
  return char === '"' || char === "'" || char === '`'
}

/** Letters, digits and `_ . - $ @ %`. */
function isKeyChar(code: number): boolean {
  return (
    isDigit(code) ||
    (code >= 64 && code <= 90) ||
    (code >= 97 && code <= 122) ||
    code === 95 ||
    code === 46 ||
    code === 45 ||
    code === 36 ||
    code === 37
  )
}

function quoted(quote: string | undefined): string {
  return quote === undefined ? REDACTED : quote + REDACTED + quote
}

function decode(name: string): string {
  if (!name.includes('%') && !name.includes('+')) return name
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}
