import { currentSpan } from './context.ts'
import type { RewardRecord } from './hand-api.ts'
import type { Runtime } from './runtime.ts'
import { startSpan } from './span-life.ts'

const INTEGRATION = 'api'

/**
 * Records a reward as OpenTelemetry's event `gen_ai.evaluation.result` on the span it is about; outside of every span on one of its own.
 * A value that is no number is not recorded.
 */
export function recordReward(record: RewardRecord, runtime: Runtime): void {
  const { option, choice = 'reward', value, best, responseId, explanation } = record
  const score = typeof value === 'boolean' ? Number(value) : value
  if (typeof option !== 'string' || !Number.isFinite(score)) return
  const { recorder } = runtime
  const about = record.span ? spanOf(record.span, runtime) : currentSpan()
  const span = about ?? startSpan({ name: 'reward' }, 'function', INTEGRATION, undefined, runtime)
  recorder.event(span, 'gen_ai.evaluation.result', {
    'gen_ai.evaluation.name': choice,
    'gen_ai.evaluation.score.value': score,
    'gen_ai.evaluation.explanation': explanation,
    'gen_ai.response.id': responseId,
    'perf.reward.option': option,
    'perf.reward.best': Number.isFinite(best) ? best : undefined,
  })
  if (about === undefined) recorder.end(span, false)
}

/** A span by its ids, which may have ended long ago or elsewhere; undefined for ids that are none. */
function spanOf({ traceId, spanId }: { traceId: string; spanId: string }, { recorder }: Runtime): ReturnType<typeof currentSpan> {
  if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) return undefined
  const word = (text: string, from: number): number => parseInt(text.slice(from, from + 8), 16) | 0
  const trace = { a: word(traceId, 0), b: word(traceId, 8), c: word(traceId, 16), d: word(traceId, 24) }
  return recorder.elsewhere({ trace, parentHigh: word(spanId, 0), parentLow: word(spanId, 8), sampled: true })
}
