import { FactKind } from '../../core/layout.ts'
import { parseSeriesKey } from '../../core/metric-units.ts'
import { readStack } from '../codec/stack-text.ts'
import { kindOfTask } from '../codec/task-kind.ts'
import type { FactRow } from '../codec/decode-block.ts'
import type { SourceStacks } from '../profiles/source-stacks.ts'
import type { Staging } from './staging.ts'
import type { WallClock } from './wall-clock.ts'

/** The process that facts are of. */
interface RuntimeFactsOf {
  number: number
  clock: WallClock
  stacks: SourceStacks
}

/** The thread whose collector and loop are measured. */
const MAIN_THREAD = 0

/** Stages what the writer thread measured; false for facts of another kind. What does not fit is left out. */
export function stageRuntimeFact(staging: Staging, { number: process, clock, stacks }: RuntimeFactsOf, fact: FactRow): boolean {
  if (fact.kind === FactKind.metrics) stageMetrics(staging, clock, fact.value, process)
  else if (fact.kind === FactKind.gc) stageCollections(staging, clock, fact.value, process)
  else if (fact.kind === FactKind.stall) stageStall(staging, clock, fact.value, process, stacks)
  else if (fact.kind === FactKind.action) stageAction(staging, clock, fact.value, process)
  else if (fact.kind === FactKind.task) stageTasks(staging, clock, fact.value, process, stacks)
  else return false
  return true
}

function stageMetrics(staging: Staging, clock: WallClock, value: unknown, process: number): void {
  const { t, m } = value as { t?: unknown; m?: unknown }
  if (typeof t !== 'number' || typeof m !== 'object' || m === null) return
  const table = staging.table('metrics')
  const time = clock.wallNs(t)
  for (const [key, measured] of Object.entries(m)) {
    if (typeof measured !== 'number') continue
    const { name, unit, attributes } = seriesOf(key)
    table.add(process, time, name, measured, unit, attributes)
  }
}

interface Series {
  name: string
  unit: string
  attributes: string | null
}

const known = new Map<string, Series>()

/** The same few dozen keys come every second. */
function seriesOf(key: string): Series {
  const found = known.get(key)
  if (found !== undefined) return found
  const { name, unit, attributes } = parseSeriesKey(key)
  const series = { name, unit, attributes: attributes === undefined ? null : JSON.stringify(attributes) }
  if (known.size < 1000) known.set(key, series)
  return series
}

function stageCollections(staging: Staging, clock: WallClock, value: unknown, process: number): void {
  const { gc } = value as { gc?: unknown }
  if (!Array.isArray(gc)) return
  for (const row of gc as unknown[]) {
    if (!Array.isArray(row)) continue
    const [startNs, durationNs, kind, after] = row as unknown[]
    if (typeof startNs !== 'number' || typeof durationNs !== 'number' || typeof kind !== 'string') continue
    const afterBytes = typeof after === 'number' ? BigInt(Math.round(after)) : null
    staging.table('gc').add(process, MAIN_THREAD, clock.wallNs(startNs), BigInt(Math.round(durationNs)), kind, afterBytes)
  }
}

/** Functions that are worth naming even when they were seen on top of the stack once only. */
const KNOWN_TO_BLOCK =
  /Sync$|^(?:JSON|RegExp|Atomics)\.|^(?:Array|String|TypedArray)\.(?:sort|replace|replaceAll|match|split|join)$|^structuredClone$/

function stageStall(staging: Staging, clock: WallClock, value: unknown, process: number, stacks: SourceStacks): void {
  const { t, s, d, thread, stack, steady, span } = value as Record<string, unknown>
  if (typeof t !== 'number' || typeof d !== 'number') return
  const text = typeof stack === 'string' ? stacks.mapped(stack, Number(clock.wallNs(t)) / 1e6) : undefined
  const { call: onTop, code } = readStack(text ?? '')
  const call = onTop !== null && (steady === true || KNOWN_TO_BLOCK.test(onTop)) ? onTop : null
  const spanId = typeof span === 'string' && /^[0-9a-f]{16}$/.test(span) ? BigInt(`0x${span}`) : null
  staging
    .table('stalls')
    .add(
      process,
      typeof thread === 'number' ? thread : MAIN_THREAD,
      clock.wallNs(t),
      clock.wallNs(typeof s === 'number' ? s : t),
      BigInt(Math.round(d)),
      spanId,
      call,
      code?.function ?? null,
      code?.file ?? null,
      code?.line ?? null,
      text ?? null,
    )
}

function stageAction(staging: Staging, clock: WallClock, value: unknown, process: number): void {
  const { t, ...texts } = value as Record<string, unknown>
  if (typeof t !== 'number') return
  const text = (name: string): string | null => (typeof texts[name] === 'string' ? texts[name] : null)
  staging.table('actions').add(process, clock.wallNs(t), text('cause'), text('action'), text('outcome'), text('detail'))
}

function stageTasks(staging: Staging, clock: WallClock, value: unknown, process: number, stacks: SourceStacks): void {
  const { t, groups, unwatched } = value as { t?: unknown; groups?: unknown; unwatched?: unknown }
  if (typeof t !== 'number' || !Array.isArray(groups)) return
  const table = staging.table('tasks')
  const time = clock.wallNs(t)
  if (typeof unwatched === 'number' && unwatched > 0)
    staging.table('counters').add(process, MAIN_THREAD, 'tasks_unwatched', BigInt(unwatched))
  const nothing = [null, null, null, null, null, null, null, null, null, null, null, null]
  if (groups.length === 0) table.add(process, MAIN_THREAD, time, ...nothing)
  for (const group of groups as Record<string, unknown>[]) {
    const { state, type, count, ageMs, stack: recorded, span, spanName, spanEnded } = group
    if (typeof state !== 'string' || typeof type !== 'string' || typeof recorded !== 'string' || typeof count !== 'number') continue
    const stack = stacks.mapped(recorded, Number(time) / 1e6)
    const { code } = readStack(stack)
    const spanId = typeof span === 'string' && /^[0-9a-f]{16}$/.test(span) ? BigInt(`0x${span}`) : null
    const name = typeof spanName === 'string' && spanName !== '' ? spanName : null
    const place = [code?.function ?? null, code?.file ?? null, code?.line ?? null, stack]
    const age = typeof ageMs === 'number' ? ageMs : null
    table.add(process, MAIN_THREAD, time, state, kindOfTask(type), type, BigInt(count), age, ...place, spanId, name, spanEnded === true)
  }
}
