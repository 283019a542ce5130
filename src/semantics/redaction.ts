import { redactJsonWith } from './redact-json.ts'
import { redactPairs, redactQuery } from './redact-pairs.ts'
import { SecretKeys } from './secret-keys.ts'
import { PATTERN_GROUPS, REDACTED } from './secret-patterns.ts'

/** What `PERF_REDACT` adds to the built-in rules. */
export interface RedactionRules {
  /** Names of headers, parameters, keys and attributes whose values are secret. */
  names?: readonly string[]
  /** Text that matches is replaced. */
  patterns?: readonly RegExp[]
  /** The app's own `redact(text, key)`; what it throws hides the whole text. */
  redact?: (text: string, key: string) => unknown
}

/** Replaces what is secret in text before it reaches a file. It does no I/O and keeps no text. */
export interface Redactor {
  /** `text` itself when nothing in it is secret. */
  redactText(text: string): string
  /** As `redactText`, for the value of an attribute: also decides by the attribute's name. */
  redactAttribute(key: string, text: string): string
  /** User, password and secret query values of a URL; its other query values stay. */
  redactUrl(url: string): string
  /** Valid JSON for valid or cut JSON; text that is not JSON goes through `redactText`. */
  redactJson(text: string): string
  isSecretKey(key: string): boolean
}

/** The built-in rules and `rules`. */
export function createRedactor(rules: RedactionRules = {}): Redactor {
  const { names = [], redact } = rules
  const patterns = (rules.patterns ?? []).map(
    (pattern) => new RegExp(pattern.source, pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`),
  )
  const keys = new SecretKeys(names)
  const triggers = buildTriggers(names)
  const isSecretKey = (key: string): boolean => keys.has(key)

  const builtIn = (text: string): string => {
    const groups = scan(text, triggers)
    if (groups === 0) return text
    let result = text
    for (let group = 0; group < PATTERN_GROUPS.length; group++) {
      if ((groups & (1 << group)) === 0) continue
      for (const { pattern, replacement, requires } of PATTERN_GROUPS[group] ?? []) {
        if (requires === undefined || text.includes(requires)) result = result.replace(pattern, replacement)
      }
    }
    return (groups & PAIRS) === 0 ? result : redactPairs(result, keys)
  }
  const custom = (text: string, key: string): string => {
    let result = text
    for (const pattern of patterns) result = result.replace(pattern, REDACTED)
    if (redact === undefined) return result
    try {
      const given = redact(result, key)
      return typeof given === 'string' ? given : result
    } catch {
      return REDACTED
    }
  }
  const hasCustom = patterns.length > 0 || redact !== undefined
  const textOf = (text: string, key: string): string => (hasCustom ? custom(builtIn(text), key) : builtIn(text))
  const redactText = (text: string): string => textOf(text, '')

  return {
    isSecretKey,
    redactText,
    redactAttribute: (key, text) => (keys.hasAttribute(key) ? REDACTED : textOf(text, key)),
    redactUrl: (url) => redactText(redactQuery(url, keys)),
    redactJson: (text) => redactJsonWith(text, { isSecretKey, redactText, textOf }),
  }
}

/** Reads `PERF_REDACT`: names, `/patterns/flags`, and at most one module path, separated as `src/config.ts` separates lists. */
export function parseRedactRules(parts: readonly string[]): {
  names: string[]
  patterns: RegExp[]
  module: string | undefined
  problems: string[]
} {
  const names: string[] = []
  const patterns: RegExp[] = []
  const problems: string[] = []
  let module: string | undefined
  for (const part of parts) {
    const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(part) ?? []
    if (source !== undefined) {
      try {
        patterns.push(new RegExp(source, flags))
      } catch {
        problems.push(`${part} is not a regular expression`)
      }
    } else if (/[/\\]|\.[cm]?[jt]s$/.test(part)) module = part
    else names.push(part)
  }
  return { names, patterns, module, problems }
}

// One pass over the text finds which groups of patterns can match at all: every three characters, folded to five bits each, index a
// table of group bits. About 1 ns per character (Node 20–26, 4 shared cores).

const TABLE_MASK = 0x7fff
const PAIRS = 1 << PATTERN_GROUPS.length

/** Words of which one is in every secret key, by their first three letters; ` -u` is a flag of curl. */
const KEY_TRIGGERS = [
  'pas', 'pwd', 'sec', 'cred', 'aut', 'bea', 'cook', 'csr', 'xsr', 'sig', 'conn', 'key', 'tok', 'jwt', 'sess', 'mne', 'see', 'code', 'card',
  'cert', 'princ', 'oidc', 'saml', 'veri', 'otp', 'pin', 'cvv', 'cvc', 'ssn', 'sid', 'hmac', 'dsn', 'non', 'dpop', 'hook', 'tick', 'asse', 'magic', 'invi', 'devi', ' -u',
] // prettier-ignore

/** Letters are 1 to 26 in either case, digits one class, the punctuation of triggers four; all else is 0. */
const CLASSES = new Uint8Array(128)
for (let letter = 0; letter < 26; letter++) CLASSES[65 + letter] = CLASSES[97 + letter] = letter + 1
for (let digit = 48; digit < 58; digit++) CLASSES[digit] = 27
for (const [char, index] of [
  [':', 28],
  ['/', 29],
  ['-', 30],
  ['_', 30],
  ['@', 31],
] as const)
  CLASSES[char.charCodeAt(0)] = index

function buildTriggers(names: readonly string[]): Uint8Array {
  const table = new Uint8Array(TABLE_MASK + 1)
  const mark = (trigger: string, bit: number): void => {
    const index = (classOf(trigger, 0) << 10) | (classOf(trigger, 1) << 5) | classOf(trigger, 2)
    table[index] = (table[index] ?? 0) | bit
  }
  for (const [group, patterns] of PATTERN_GROUPS.entries()) {
    for (const { triggers } of patterns) for (const trigger of triggers) mark(trigger, 1 << group)
  }
  for (const trigger of KEY_TRIGGERS) mark(trigger, PAIRS)
  for (const name of names) {
    if (name.length >= 3) mark(name, PAIRS)
    else for (let index = 0; index < table.length; index++) table[index] = (table[index] ?? 0) | PAIRS
  }
  return table
}

function classOf(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 128 ? (CLASSES[code] as number) : 0
}

function scan(text: string, table: Uint8Array): number {
  let groups = 0
  let index = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    index = ((index << 5) | (code < 128 ? (CLASSES[code] as number) : 0)) & TABLE_MASK
    groups |= table[index] as number
  }
  return groups
}

const defaultRedactor = createRedactor()
export const { redactText, redactUrl, redactJson, isSecretKey } = defaultRedactor
