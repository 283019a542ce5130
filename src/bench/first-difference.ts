import { inspect, isDeepStrictEqual } from 'node:util'

/** Where two values first differ: a path such as `[3].name`, empty for the values themselves, and what stands there. */
export interface Difference {
  path: string
  expected: string
  actual: string
}

/** The first difference of two values, by `util.isDeepStrictEqual`; undefined when they are equal. */
export function firstDifference(expected: unknown, actual: unknown): Difference | undefined {
  if (isDeepStrictEqual(expected, actual)) return undefined
  let path = ''
  let pair = { expected, actual }
  for (let depth = 0; depth < 50; depth++) {
    const inner = differingChild(pair.expected, pair.actual)
    if (inner === undefined) break
    path += inner.step
    pair = inner
  }
  return { path, expected: describe(pair.expected), actual: describe(pair.actual) }
}

interface Child {
  step: string
  expected: unknown
  actual: unknown
}

const ABSENT = Symbol('absent')

/** The first part that differs, of two values of one kind; undefined where they differ as a whole. */
function differingChild(expected: unknown, actual: unknown): Child | undefined {
  if (typeof expected !== 'object' || typeof actual !== 'object' || expected === null || actual === null) return undefined
  if (Object.getPrototypeOf(expected) !== Object.getPrototypeOf(actual)) return undefined
  const left = partsOf(expected)
  const right = partsOf(actual)
  if (left === undefined || right === undefined) return undefined
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const child = { expected: left.has(key) ? left.get(key) : ABSENT, actual: right.has(key) ? right.get(key) : ABSENT }
    const isEqual = child.expected !== ABSENT && child.actual !== ABSENT && isDeepStrictEqual(child.expected, child.actual)
    if (!isEqual) return { step: stepTo(key, expected), ...child }
  }
  return undefined
}

function partsOf(value: object): Map<unknown, unknown> | undefined {
  if (value instanceof Map) return value
  if (value instanceof Set || value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value)) return undefined
  return new Map(Object.entries(value))
}

function stepTo(key: unknown, parent: object): string {
  if (Array.isArray(parent)) return `[${String(key)}]`
  if (parent instanceof Map) return `.get(${describe(key)})`
  return typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${describe(key)}]`
}

const MAX_LENGTH = 200

function describe(value: unknown): string {
  if (value === ABSENT) return 'nothing'
  const text = inspect(value, { depth: 2, breakLength: Infinity, maxArrayLength: 20, maxStringLength: MAX_LENGTH })
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`
}
