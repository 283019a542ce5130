import type { Outcome, SpanEnd } from '../core/integration.ts'

/** End of a call that failed in the system: its code (`ECONNREFUSED`, `ENOTFOUND`) is what tells. */
export function systemFailure(outcome: Outcome): SpanEnd | undefined {
  if (outcome.ok) return undefined
  const { error } = outcome
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? { errorType: code } : undefined
}
