import { createHash } from 'node:crypto'
import type { CodeVariant } from '../core/hand-api.ts'

/**
 * The version of a function's source, as the agent has it of functions recorded as tools: a hash of its tokens, so that comments and white
 * space do not count. Undefined for native and bound functions.
 */
export async function variantOf(name: string, fn: (...args: never[]) => unknown): Promise<CodeVariant | undefined> {
  const source = Function.prototype.toString.call(fn)
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) return undefined
  const hash = createHash('sha256')
  for (const token of await tokensOf(source)) hash.update(token).update('\n')
  return { hash: hash.digest('hex').slice(0, 32), name, source: source.slice(0, 16_384) }
}

// What `toString` gives is an expression, or a method, which is one only inside of an object.
const FRAMES = [
  ['(', ')'],
  ['({', '})'],
] as const

async function tokensOf(source: string): Promise<string[]> {
  const { parseExpression } = await import('@babel/parser')
  for (const [before, after] of FRAMES) {
    try {
      const text = before + source + after
      const { tokens = [] } = parseExpression(text, { tokens: true, errorRecovery: true })
      const inside = (tokens as { type: unknown; start: number; end: number }[]).filter(
        ({ type, start, end }) => typeof type !== 'string' && start >= before.length && end <= text.length - after.length && end > start,
      )
      return inside.map(({ start, end }) => text.slice(start, end))
    } catch {
      // the other frame, else the text itself
    }
  }
  return [source]
}
