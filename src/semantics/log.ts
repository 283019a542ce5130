import type { LogLine } from '../core/integration.ts'
import { boundedText, ownText } from '../core/payload.ts'

const MAX_TEXT = 8192
const MAX_OBJECT = 1024

/**
 * What `console.log(...args)` says, as one text. Like Node's own formatting for texts, numbers and `%` codes; objects become bounded JSON,
 * since formatting them as Node does would run code of the app a second time.
 */
export function consoleLine(level: string, args: readonly unknown[]): LogLine {
  const [first] = args
  let next = 0
  let message = ''
  if (typeof first === 'string') {
    next = 1
    message =
      args.length === 1 || !first.includes('%')
        ? first
        : first.replace(/%[sdifjoOc%]/g, (code) => {
            if (code === '%%') return '%'
            if (next >= args.length) return code
            const value = args[next++]
            return code === '%c'
              ? ''
              : (code === '%i' || code === '%d' || code === '%f') && typeof value === 'string'
                ? value
                : textOf(value)
          })
  }
  for (; next < args.length && message.length < MAX_TEXT; next++) message += (next === 0 ? '' : ' ') + textOf(args[next])
  return { level, message }
}

function textOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'object':
      if (value === null) return 'null'
      return errorText(value) ?? boundedText(value, MAX_OBJECT).text
    case 'function':
      return `[Function]`
    case 'bigint':
      return `${value}n`
    default:
      return String(value)
  }
}

/** Its first line: `TypeError: message`. */
function errorText(value: object): string | undefined {
  if (!(value instanceof Error)) return undefined
  const name = ownText(value, 'name')
  return `${name === '' ? 'Error' : name}: ${ownText(value, 'message')}`
}
