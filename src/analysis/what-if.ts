import type { SessionReader } from '../store/query.ts'
import { childrenOf, rootOf, type TimedSpan } from './critical-path.ts'
import { quantileOfCalls, weightedSample, type Sample } from './statistics/weighted-sample.ts'
import { timedTraces } from './timed-traces.ts'

/** The new duration of a span in milliseconds, children included; undefined: as the replay of its children gives it. */
export type Change = (span: TimedSpan) => number | undefined

/**
 * How long a trace would take, in milliseconds, if some spans took another time. The replay keeps what was recorded: a child starts when everything of the same parent that had ended before its start
 * has ended, plus the parent's own time between; a parent ends its own time after the last child it waited for. Own time stays as it was.
 */
export function replay(spans: readonly TimedSpan[], change: Change): number {
  const children = childrenOf(spans)
  const root = rootOf(spans)
  return root === undefined ? 0 : duration(root, children, change)
}

function duration(span: TimedSpan, children: ReadonlyMap<string, TimedSpan[]>, change: Change): number {
  const changed = change(span)
  if (changed !== undefined) return changed
  // A child that outlives its parent was not waited for.
  const awaited = (children.get(span.span_id) ?? [])
    .filter((child) => child.start_ms >= span.start_ms && child.end_ms <= span.end_ms)
    .sort((a, b) => a.start_ms - b.start_ms)
  const done: { recorded: number; replayed: number }[] = []
  for (const child of awaited) {
    const start = moved(child.start_ms, span.start_ms, done)
    done.push({ recorded: child.end_ms, replayed: start + duration(child, children, change) })
  }
  return moved(span.end_ms, span.start_ms, done)
}

/** When a recorded moment comes in the replay, counted from the parent's start: after all that had ended before it, plus the time between. */
function moved(moment: number, parentStart: number, done: readonly { recorded: number; replayed: number }[]): number {
  let lastRecorded = parentStart
  let lastReplayed = 0
  for (const child of done) {
    if (child.recorded > moment) continue
    lastRecorded = Math.max(lastRecorded, child.recorded)
    lastReplayed = Math.max(lastReplayed, child.replayed)
  }
  return lastReplayed + (moment - lastRecorded)
}

/** Traces of one name before and after a change; percentiles are weighted by sampling. */
export interface WhatIfRow {
  name: string
  /** Traces replayed. */
  traces: number
  p50_ms: number
  p95_ms: number
  new_p50_ms: number
  new_p95_ms: number
}

/** What a change would do to the traces it touches. */
export interface WhatIf {
  /** Spans that match. */
  spans: number
  /** Traces that hold one, in the session. */
  touched: number
  /** Those of them that were replayed. */
  replayed: number
  /** How far the replay without a change is from what was recorded, in the median of all traces: 0.01 is 1 %. */
  replay_error: number
  rows: WhatIfRow[]
  assumptions: string[]
}

const MAX_TRACES = 2000

/** Replays the traces that hold a span `matches` names (at most 2,000, spread over the session) with its duration changed. */
export async function whatIf(reader: SessionReader, matches: string, newDuration: (ms: number) => number): Promise<WhatIf> {
  const [counts] = await reader.rows<{ spans: number; traces: number }>(
    `SELECT coalesce(round(sum(n)), 0)::BIGINT AS spans, coalesce(round(sum(w)), 0)::BIGINT AS traces FROM (
       SELECT sum(weight) AS n, max(weight) AS w FROM spans WHERE (${matches}) AND duration_ms IS NOT NULL GROUP BY trace_key)`,
  )
  const byName = new Map<string, { recorded: Sample[]; replayed: Sample[] }>()
  const errors: Sample[] = []
  for await (const { spans, weight, matched } of timedTraces(reader, matches, MAX_TRACES)) {
    const root = rootOf(spans)
    if (root === undefined) continue
    const recorded = root.end_ms - root.start_ms
    errors.push({ value: Math.abs(replay(spans, () => undefined) - recorded) / Math.max(recorded, 1e-6), weight })
    const group = byName.get(root.name) ?? { recorded: [], replayed: [] }
    byName.set(root.name, group)
    group.recorded.push({ value: recorded, weight })
    const value = replay(spans, (span) => (matched.has(span.span_id) ? newDuration(span.end_ms - span.start_ms) : undefined))
    group.replayed.push({ value, weight })
  }
  const rows = [...byName].map(([name, { recorded, replayed }]) => {
    const [before, after] = [weightedSample(recorded), weightedSample(replayed)]
    const quantiles = {
      p50_ms: quantileOfCalls(before, 0.5), p95_ms: quantileOfCalls(before, 0.95),
      new_p50_ms: quantileOfCalls(after, 0.5), new_p95_ms: quantileOfCalls(after, 0.95),
    } // prettier-ignore
    return {
      saved: before.total * (quantiles.p50_ms - quantiles.new_p50_ms),
      row: { name, traces: Math.round(before.total), ...quantiles },
    }
  })
  return {
    spans: counts?.spans ?? 0,
    touched: counts?.traces ?? 0,
    replayed: Math.round(errors.reduce((sum, { weight }) => sum + weight, 0)),
    replay_error: errors.length === 0 ? 0 : quantileOfCalls(weightedSample(errors), 0.5),
    rows: rows.sort((a, b) => b.saved - a.saved || (a.row.name < b.row.name ? -1 : 1)).map(({ row }) => row),
    assumptions: [
      'What began after something else of the same parent had ended still waits for it.',
      'Time of a span outside its children stays as it was; a busy event loop or pool does not get faster or slower.',
      'A child that outlived its parent was not waited for.',
    ],
  }
}
