// Reads SQL far enough to name it and to take the values out: one pass over its tokens, cached by the callers.

/** What is noted of a statement. */
export interface Statement {
  /** The text with `?` in place of every literal, also of those beside parameters. */
  text: string
  /** `SELECT users orders`: operations with their targets, in the order and case of the text; at most 255 characters. */
  summary: string
  /** The statement's own operation (`SELECT`, not that of a subquery). */
  operation: string | undefined
  /** The only table it touches; undefined when there are several or none. */
  collection: string | undefined
}

/** Characters that are looked at: a longer text is cut there. */
const MAX_SCANNED_CHARS = 8192
const MAX_SUMMARY_CHARS = 255

/** How literals, quoted names and comments are written: in MySQL and MariaDB `"a"` is a value, `\` escapes and `#` begins a comment. */
export type Dialect = 'postgresql' | 'mysql' | 'sqlite'

/** Describes a statement. With `parameterised`, as its author wrote it, its layout is kept; else lists of values become one. */
export function describeStatement(sql: string, parameterised: boolean, dialect: Dialect = 'postgresql'): Statement {
  const cut = sql.length > MAX_SCANNED_CHARS
  const source = cut ? sql.slice(0, MAX_SCANNED_CHARS) : sql
  const reader = new StatementReader()
  let text = ''
  const tokens = TOKENS[dialect]
  tokens.lastIndex = 0
  for (let match = tokens.exec(source); match !== null && match[0] !== ''; match = tokens.exec(source)) {
    const token = match[0]
    const kind = dialect === 'mysql' && token.startsWith('"') ? 'literal' : kindOf(token)
    if (kind === 'word' || kind === 'quoted' || kind === 'sign') reader.read(token, kind)
    text += parameterised ? (kind === 'literal' ? '?' : kind === 'comment' ? ' ' : token) : withoutValue(token, kind, text)
  }
  return {
    text: (parameterised ? text : collapseLists(text.trim())) + (cut ? '…' : ''),
    summary: summaryOf(reader.parts),
    operation: reader.operation,
    collection: reader.targets.size === 1 ? [...reader.targets][0] : undefined,
  }
}

// Literals (with E, B, X, N and U& prefixes, dollar quotes), parameters, quoted names, comments, words, numbers, spaces, signs.
// A literal or comment that is not closed reaches to the end of the text: nothing of it may be taken for SQL.
const POSTGRESQL =
  /[eE]'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*(?:'|$)|(?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*(?:'|$)|(\$(?:[A-Za-z_]\w*)?\$)[^]*?(?:\1|$)|\$\d+|"[^"]*(?:""[^"]*)*(?:"|$)|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|0[xX][\da-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\s+|[^]/y
const MYSQL =
  /[bBxXnN]?'[^'\\]*(?:(?:\\[^]|'')[^'\\]*)*(?:'|$)|"[^"\\]*(?:(?:\\[^]|"")[^"\\]*)*(?:"|$)|`[^`]*(?:``[^`]*)*(?:`|$)|#[^\n]*|--(?=\s|$)[^\n]*|\/\*[^]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|0[xXbB][\da-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\s+|[^]/y
const SQLITE =
  /[xX]?'[^']*(?:''[^']*)*(?:'|$)|"[^"]*(?:""[^"]*)*(?:"|$)|`[^`]*(?:``[^`]*)*(?:`|$)|\[[^\]]*(?:\]|$)|\?\d+|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|0[xX][\da-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\s+|[^]/y
const TOKENS: Readonly<Record<Dialect, RegExp>> = { postgresql: POSTGRESQL, mysql: MYSQL, sqlite: SQLITE }

type TokenKind = 'literal' | 'parameter' | 'quoted' | 'comment' | 'word' | 'space' | 'sign'

function kindOf(token: string): TokenKind {
  const first = token.charCodeAt(0)
  if (first <= 32) return 'space'
  if (first === 34 || first === 96 || (first === 91 && token.length > 1)) return token.length > 1 ? 'quoted' : 'sign'
  if (first === 35 && token.length > 1) return 'comment'
  if (first === 63 && token.length > 1) return 'parameter'
  if (first === 39 || (first >= 48 && first <= 57)) return 'literal'
  if (first === 36)
    return token.length > 1 && token.charCodeAt(1) >= 48 && token.charCodeAt(1) <= 57 ? 'parameter' : token.length > 1 ? 'literal' : 'sign'
  if (first === 45 && token.length > 1) return 'comment'
  if (first === 47 && token.length > 1) return 'comment'
  if (first === 46 && token.length > 1) return 'literal'
  if ((first >= 65 && first <= 90) || (first >= 97 && first <= 122) || first === 95 || first > 127) {
    return token.length > 1 && (token.includes("'") || token.includes('&')) ? 'literal' : 'word'
  }
  return 'sign'
}

function withoutValue(token: string, kind: TokenKind, before: string): string {
  if (kind === 'literal') return '?'
  if (kind !== 'space' && kind !== 'comment') return token
  return before === '' || before.endsWith(' ') ? '' : ' '
}

/** `IN (?, ?, ?)` and repeated rows of VALUES would make one statement many. */
function collapseLists(text: string): string {
  if (!text.includes('?,')) return text
  return text.replace(/\b(in)\s*\(\s*\?(?:\s*,\s*\?)+\s*\)/gi, '$1 (?)').replace(/(\([?,\s]+\))(?:\s*,\s*\([?,\s]+\))+/g, '$1')
}

function summaryOf(parts: readonly string[]): string {
  let summary = ''
  for (const part of parts) {
    const longer = summary === '' ? part : `${summary} ${part}`
    if (longer.length > MAX_SUMMARY_CHARS) break
    summary = longer
  }
  return summary
}

const OPERATIONS = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'TRUNCATE', 'CALL', 'COPY'])
const DEFINITIONS = new Set(['CREATE', 'ALTER', 'DROP'])
const DEFINED = new Set([
  'TABLE',
  'VIEW',
  'INDEX',
  'SEQUENCE',
  'SCHEMA',
  'DATABASE',
  'TYPE',
  'FUNCTION',
  'PROCEDURE',
  'TRIGGER',
  'ROLE',
  'USER',
  'EXTENSION',
])
/** Words between a keyword and its target. */
const FILLERS = new Set([
  'STDIN',
  'STDOUT',
  'ONLY',
  'LATERAL',
  'TABLE',
  'INTO',
  'IF',
  'NOT',
  'EXISTS',
  'CONCURRENTLY',
  'FROM',
  'IGNORE',
  'LOW_PRIORITY',
  'OR',
  'REPLACE',
  'ABORT',
  'FAIL',
])
/** Words that end the list of tables behind FROM. */
const LIST_ENDS = new Set([
  'WHERE',
  'GROUP',
  'ORDER',
  'LIMIT',
  'SET',
  'UNION',
  'INTERSECT',
  'EXCEPT',
  'RETURNING',
  'HAVING',
  'WINDOW',
  'FOR',
  'VALUES',
  'OFFSET',
])
/** `FOR UPDATE`, `DO UPDATE`, `ON DELETE`, `FOR NO KEY UPDATE`, `THEN UPDATE` are no operations of their own. */
const NOT_BEFORE_OPERATION = new Set(['FOR', 'DO', 'ON', 'KEY', 'THEN', 'OF', 'BEFORE', 'AFTER', 'OR'])

/** Collects operations and targets from the words, quoted names and signs of a statement. */
class StatementReader {
  readonly parts: string[] = []
  readonly targets = new Set<string>()
  operation: string | undefined
  #previous = ''
  #path = ''
  #expectsTarget = false
  #inWith = false
  #defines = false
  #finished = false
  readonly #declared = new Set<string>()
  /** Per depth of parentheses: whether an operation began there, and whether its list of tables goes on. */
  readonly #levels = [{ operation: false, list: false }]

  read(token: string, kind: 'word' | 'quoted' | 'sign'): void {
    if (this.#finished) return
    if (kind === 'sign') this.#sign(token)
    else if (this.#path.endsWith('.')) this.#path += token
    else this.#word(token, kind === 'quoted')
    if (kind !== 'sign') this.#noteTarget(token)
  }

  #sign(sign: string): void {
    const level = this.#levels.at(-1)
    if (sign === '.' && this.#path !== '') {
      this.parts.pop()
      this.targets.delete(this.#path)
      this.#path += '.'
      return
    }
    this.#path = ''
    if (sign === '(') {
      this.#expectsTarget = false
      this.#levels.push({ operation: false, list: false })
    } else if (sign === ')' && this.#levels.length > 1) this.#levels.pop()
    else if (sign === ',' && level?.list === true) this.#expectsTarget = true
    else if (sign === ';') this.#levels.splice(0, this.#levels.length, { operation: false, list: false })
  }

  #word(token: string, quoted: boolean): void {
    const word = quoted ? '' : token.toUpperCase()
    const previous = this.#previous
    const level = this.#levels.at(-1)
    const first = previous === ''
    this.#previous = quoted ? token : word
    this.#path = ''
    if (level === undefined) return
    if (this.#defines && DEFINED.has(word)) {
      this.parts.push(token)
      this.#expectsTarget = true
    } else if (OPERATIONS.has(word) && !NOT_BEFORE_OPERATION.has(previous) && !(first === false && this.#defines)) {
      this.#operation(token, word, level)
    } else if (first && word !== 'WITH') {
      this.#operation(token, word, level)
      this.#defines = DEFINITIONS.has(word)
    } else if (word === 'WITH' && first) this.#inWith = true
    else if (this.#inWith && this.#levels.length === 1 && !['AS', 'RECURSIVE', 'MATERIALIZED', 'NOT'].includes(word))
      this.#declared.add(token)
    else if (word === 'FROM' && level.operation && previous !== 'DISTINCT') {
      level.list = true
      this.#expectsTarget = true
    } else if (
      word === 'JOIN' ||
      word === 'INTO' ||
      (word === 'USING' && level.operation && ['DELETE', 'MERGE'].includes(this.operation?.toUpperCase() ?? ''))
    )
      this.#expectsTarget = true
    else if (LIST_ENDS.has(word)) {
      level.list = false
      this.#expectsTarget = false
    } else if (this.#expectsTarget && !FILLERS.has(word)) this.#path = token
  }

  #operation(token: string, word: string, level: { operation: boolean; list: boolean }): void {
    this.parts.push(token)
    level.operation = true
    level.list = false
    if (this.#levels.length === 1) {
      this.operation ??= token
      this.#inWith = false
    }
    this.#expectsTarget = word === 'UPDATE' || word === 'TRUNCATE' || word === 'CALL' || word === 'COPY'
  }

  #noteTarget(token: string): void {
    if (this.#path === '') return
    this.#expectsTarget = false
    if (this.#path === token && this.#declared.has(token)) return
    this.parts.push(this.#path)
    this.targets.add(this.#path)
    if (this.#defines) this.#finished = this.#path.endsWith(token) && this.#path !== token
  }
}
