import { compareSamples, type SampleComparison } from '../statistics/compare-samples.ts'
import type { CandidateSubject, Measured } from './candidate.ts'
import { samplesOf } from './measure.ts'
import { fewerFailures } from './occurrence.ts'

/** What two measurements of a subject say: `better` and `worse` are claims, the others are not; `text` gives the figures. */
export interface Judgement {
  verdict: 'better' | 'worse' | 'same' | 'not enough data'
  text: string
}

/** How often a difference may be claimed where there is none. */
const ALPHA = 0.05

/** Compares a subject as it was with how it is: failures by Fisher's exact test, everything else by `compareSamples`; less is better. */
export function judge(subject: CandidateSubject, before: Measured, after: Measured): Judgement {
  if (after.calls === 0) return { verdict: 'not enough data', text: 'its calls did not occur' }
  if (subject.measure === 'failed') return judgeFailures(before, after)
  return judgeSamples(compareSamples(samplesOf(before), samplesOf(after), { alpha: ALPHA }), unitOf(subject))
}

/** The same of a comparison that has been made. */
export function judgeSamples(comparison: SampleComparison, unit: string): Judgement {
  const { medians, means, p, counts } = comparison
  const isTail = Math.abs(comparison.difference) < 0.01 && Math.abs(comparison.meanDifference) >= 0.01
  const [before, after] = isTail ? means : medians
  const change = isTail ? comparison.meanDifference : comparison.difference
  const figures = `${isTail ? 'mean' : 'median'} ${figure(before, unit)} → ${figure(after, unit)}${Number.isFinite(change) ? ` (${change > 0 ? '+' : ''}${(change * 100).toFixed(0)} %)` : ''}`
  const sizes = `${counts[0]} and ${counts[1]} calls`
  if (comparison.verdict === 'faster') return { verdict: 'better', text: `${figures}, ${pText(p)}, ${sizes}` }
  if (comparison.verdict === 'slower') return { verdict: 'worse', text: `${figures}, ${pText(p)}, ${sizes}` }
  if (comparison.verdict === 'same') return { verdict: 'same', text: `the same within 5 %: ${figures}, ${sizes}` }
  return { verdict: 'not enough data', text: `not enough data: ${figures}, ${pText(p)}, ${sizes}` }
}

function judgeFailures(before: Measured, after: Measured): Judgement {
  const text = `${shareOf(before)} → ${shareOf(after)} failed`
  const [then, now] = [observed(before), observed(after)]
  const fewer = fewerFailures(then, now)
  if (fewer <= ALPHA) return { verdict: 'better', text: `${text}, ${pText(fewer)}` }
  const more = fewerFailures(now, then)
  if (more <= ALPHA) return { verdict: 'worse', text: `${text}, ${pText(more)}` }
  return { verdict: 'not enough data', text: `not enough data: ${text}, ${pText(fewer)}` }
}

/** A sampled session proves no more than the calls it holds, whatever they stand for. */
function observed({ failed, calls, effective_calls = calls }: Measured): { failed: number; calls: number } {
  return { failed: calls === 0 ? 0 : (failed * effective_calls) / calls, calls: effective_calls }
}

const shareOf = ({ failed, calls }: Measured): string => `${Math.round(failed)} of ${Math.round(calls)}`
const pText = (p: number): string => (p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`)

const unitOf = ({ measure }: CandidateSubject): string =>
  measure === 'usd' ? '$' : measure === 'tokens' ? 'tokens' : measure === 'calls' ? 'calls' : 'ms'

function figure(value: number, unit: string): string {
  const digits = String(Number(value.toPrecision(3)))
  return unit === '$' ? `$${digits}` : `${digits} ${unit}`
}
