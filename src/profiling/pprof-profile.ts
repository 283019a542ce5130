import { pathToFileURL } from 'node:url'
import type { CpuProfile, CpuProfileNode } from '../core/profile-format.ts'
import { SPAN_LOG_ENTRY_BYTES } from '../core/profile-format.ts'
import type { Sampled } from './cpu-sampler.ts'
import type { SpanIdHalves } from './span-id-halves.ts'

// A profile of @datadog/pprof as the inspector would have given it, so that everything behind it is the same.

/** The id of a span. */
interface SpanIds {
  readonly idHigh: number
  readonly idLow: number
}

/** What @datadog/pprof is given for a span, and gives back with each sample: the low half of its id where that says all. */
export type SpanContext = SpanIds | number

/** A function on a stack. Line and column count from 1. */
export interface TimeNode {
  name: string
  scriptName: string
  scriptId: number
  lineNumber: number
  columnNumber: number
  children: TimeNode[]
  /** Its samples, in no order: microseconds since the epoch, and the context that was current. */
  contexts?: { timestamp: bigint; context?: SpanContext | undefined }[]
}

/** What the native profiler gives; start and end are microseconds of the monotonic clock. */
export interface TimeProfile {
  startTime: number
  endTime: number
  topDownRoot: TimeNode
}

/**
 * @param epochOffsetUs what the clock of the samples is ahead of the monotonic one
 * @param halves the other halves of ids
 */
export function fromTimeProfile({ startTime, endTime, topDownRoot }: TimeProfile, epochOffsetUs: number, halves: SpanIdHalves): Sampled {
  const idsOf = (context: SpanContext | undefined): SpanIds | undefined =>
    typeof context === 'number' ? { idHigh: halves.highOf(context) ?? 0, idLow: context } : context
  const nodes: CpuProfileNode[] = []
  const taken: TakenSample[] = []
  const add = ({ name, scriptName, scriptId, lineNumber, columnNumber, children, contexts = [] }: TimeNode): number => {
    const id = nodes.length + 1
    const isRoot = id === 1
    const functionName = isRoot ? '(root)' : name
    const url = isRoot ? '' : urlOf(scriptName)
    const callFrame = { functionName, scriptId: String(scriptId), url, lineNumber: lineNumber - 1, columnNumber: columnNumber - 1 }
    const node: CpuProfileNode = { id, callFrame, hitCount: contexts.length }
    nodes.push(node)
    for (const { timestamp, context } of contexts) taken.push({ timeUs: Number(timestamp) - epochOffsetUs, node: id, ids: idsOf(context) })
    if (children.length > 0) node.children = children.map(add)
    return id
  }
  add(topDownRoot)
  taken.sort((a, b) => a.timeUs - b.timeUs)
  const profile: CpuProfile = {
    nodes,
    startTime,
    endTime: Math.max(endTime, taken.at(-1)?.timeUs ?? 0),
    samples: taken.map(({ node }) => node),
    timeDeltas: taken.map(({ timeUs }, i) => timeUs - (taken[i - 1]?.timeUs ?? startTime)),
  }
  return { profile, switches: spanLog(taken), lostSwitches: 0 }
}

interface TakenSample {
  timeUs: number
  node: number
  ids: SpanIds | undefined
}

/** An entry where a sample belongs to another span than the one before it. */
function spanLog(taken: readonly TakenSample[]): Uint8Array {
  const bytes = new Uint8Array(taken.length * SPAN_LOG_ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  let last: SpanIds | undefined
  for (const { timeUs, ids } of taken) {
    if (ids?.idHigh === last?.idHigh && ids?.idLow === last?.idLow) continue
    last = ids
    view.setFloat64(at, timeUs * 1000, true)
    view.setInt32(at + 8, ids?.idLow ?? 0, true)
    view.setInt32(at + 12, ids?.idHigh ?? 0, true)
    at += SPAN_LOG_ENTRY_BYTES
  }
  return bytes.slice(0, at)
}

/** V8 names a CommonJS file by its path; the inspector makes a URL of it. */
function urlOf(scriptName: string): string {
  return scriptName.startsWith('/') ? pathToFileURL(scriptName).href : scriptName
}
