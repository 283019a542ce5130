import { nodeMajor } from './node-under-test.ts'

/**
 * docs/known-gaps.md: on Node 24 and 26 `import * as pg` of 8.0.3 and 8.11.6 lacks `native` under the agent, because
 * import-in-the-middle's lexer finds fewer names than Node's. Only this name is left out of the comparison, only there.
 */
export function withoutKnownGap(shape: unknown): unknown {
  if (nodeMajor() < 24) return shape
  if (Array.isArray(shape))
    return shape.filter((entry) => entry !== 'native' && !(Array.isArray(entry) && entry[0] === 'native')).map(withoutKnownGap)
  if (typeof shape === 'string') return shape.includes(',native,') ? shape.replace(',native,', ',') : shape
  if (typeof shape !== 'object' || shape === null) return shape
  return Object.fromEntries(
    Object.entries(shape).flatMap(([key, value]) => (/(^|\.)native$/.test(key) ? [] : [[key, withoutKnownGap(value)]])),
  )
}
