// What the MongoDB driver and mongoose share: the shape of a command (its keys without its values, as text) and how a failed one ends.
import type { Outcome, SpanEnd } from '../core/integration.ts'

const MAX_DEPTH = 8
const MAX_KEYS = 40
const MAX_CHARS = 2000

/** What of a command says what it does; the rest is how it is to be done. */
const STATEMENT = ['filter', 'query', 'pipeline', 'updates', 'update', 'deletes', 'documents', 'key', 'sort', 'projection', 'skip', 'limit']
/** Lists of things that are alike: the first stands for all. */
const BATCHES = new Set(['updates', 'deletes', 'documents'])

/** `{"find":"users","filter":{"age":{"$gt":"?"}}}`: names and operators only, 2,000 characters at most. */
export function commandShape(operation: string, collection: string | undefined, command: Readonly<Record<string, unknown>>): string {
  const shape: Record<string, unknown> = { [operation]: collection ?? '?' }
  for (const key of STATEMENT) {
    const value = command[key]
    if (value === undefined) continue
    const list = BATCHES.has(key) ? batchOf(value) : undefined
    shape[key] = list === undefined ? shapeOf(value, 0) : [shapeOf(list[0], 0)]
  }
  const text = JSON.stringify(shape)
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS - 1)}…` : text
}

/** What was sent beside the names: for a payload. */
export function commandValues(command: Readonly<Record<string, unknown>>): unknown[] {
  return STATEMENT.flatMap((key) => (command[key] === undefined ? [] : [batchOf(command[key]) ?? command[key]]))
}

/** The things a command does at once: an array, or (mongodb 6.10 and later) an object that holds it. */
export function batchOf(value: unknown): readonly unknown[] | undefined {
  const list = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as { documents?: unknown }).documents : value
  return Array.isArray(list) ? list : undefined
}

/** The end of a call that failed, by the server's code and its name where it has them. The message is masked by class. */
export function endFailed(_call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (outcome.ok || typeof outcome.error !== 'object' || outcome.error === null) return undefined
  const { code, codeName } = outcome.error as { code?: unknown; codeName?: unknown }
  if (typeof code !== 'number' && typeof code !== 'string') return undefined
  return { errorType: typeof codeName === 'string' ? codeName : String(code), attributes: { 'db.response.status_code': String(code) } }
}

function shapeOf(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return '?'
  if (Array.isArray(value)) {
    const items: unknown[] = value.slice(0, MAX_KEYS)
    return items.some(isDocument) ? items.map((item) => shapeOf(item, depth + 1)) : '?'
  }
  // The driver keeps a sort in order.
  if (value instanceof Map) return Object.fromEntries([...value.keys()].slice(0, MAX_KEYS).map((key) => [String(key), '?']))
  if (!isDocument(value)) return '?'
  const shape: Record<string, unknown> = {}
  for (const key of Object.keys(value).slice(0, MAX_KEYS)) shape[key] = shapeOf(value[key], depth + 1)
  return shape
}

/** Not a date, an ObjectId, a number of BSON's own, bytes. */
function isDocument(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || '_bsontype' in value) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
