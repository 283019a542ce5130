import type { SessionReader } from '../store/query.ts'
import { OUTGOING_TARGET } from './outgoing-targets.ts'

/** One line of a trace's waterfall: a span, or calls of the same name under the same parent taken together. */
export interface WaterfallRow {
  /** Of the first, where several are taken together. */
  span_id: string
  name: string
  /** Where an outgoing request went, `api.openai.com`; `null` for other spans. */
  target: string | null
  layer: string
  depth: number
  /** From the beginning of the trace. */
  offset_ms: number
  /** Their sum, where several are taken together; `null` while open. */
  duration_ms: number | null
  /** From the first beginning to the last end; `null` while open. */
  extent_ms: number | null
  status: string
  process: number
  /** How many spans the line stands for, without those below them. */
  count: number
  /** Milliseconds their own code ran on its thread, children apart; `null` where the CPU was not profiled. */
  cpu_ms: number | null
}

/** A trace without its spans: columns of the view `traces`. */
export interface TraceHead {
  trace_id: string
  name: string
  start_time: string
  duration_ms: number
  status: string
  spans: number
}

/** What SQL selects for a `TraceHead`. */
export const TRACE_HEAD = 'trace_id, name, start_time, duration_ms, status, spans'

/** The first rows of a trace's waterfall, calls of one name taken together, and how many spans no row stands for. */
export async function firstRows(reader: SessionReader, trace: TraceHead, most: number): Promise<{ rows: WaterfallRow[]; hidden: number }> {
  const rows = (await traceRows(reader, trace.trace_id, { collapse: true })).slice(0, most)
  return { rows, hidden: trace.spans - rows.reduce((sum, row) => sum + row.count, 0) }
}

interface TraceSpan {
  span_id: string
  parent_id: string | null
  name: string
  target: string | null
  layer: string
  start: number
  duration_ms: number | null
  status: string
  process: number
  cpu_ms: number | null
}

/** How many calls of the same name are still shown one by one. */
const MAX_ALIKE = 4

/** The spans of a trace as a tree, in the order of their beginning, parents first. `collapse` takes many calls of the same name together. */
export async function traceRows(reader: SessionReader, traceId: string, options: { collapse: boolean }): Promise<WaterfallRow[]> {
  const spans = await reader.rows<TraceSpan>(
    `SELECT span_id, parent_id, name, ${OUTGOING_TARGET} AS target, layer, (start_ns - min(start_ns) OVER ()) / 1e6 AS start, duration_ms, status, process, self_cpu_ms AS cpu_ms FROM spans WHERE trace_id = '${traceId}' ORDER BY start_ns, span_key`,
  )
  const children = groupByParent(spans)
  const rows: WaterfallRow[] = []
  const linesBelow = (parent: string): TraceSpan[][] => {
    const below = children.get(parent) ?? []
    return options.collapse ? alike(below) : below.map((span) => [span])
  }
  const stack = linesBelow('').reverse().map((group) => ({ group, depth: 0 })) // prettier-ignore
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { group, depth } = next
    const row = toRow(group, depth)
    if (row === undefined) continue
    rows.push(row)
    if (group.length === 1) for (const below of linesBelow(row.span_id).reverse()) stack.push({ group: below, depth: depth + 1 })
  }
  return rows
}

/** Groups calls of the same name where there are many; the others stay by themselves, all in the order of their beginning. */
function alike(spans: readonly TraceSpan[]): TraceSpan[][] {
  const byName = new Map<string, TraceSpan[]>()
  for (const span of spans) {
    const key = `${span.layer} ${span.name} ${span.target ?? ''}`
    const group = byName.get(key)
    if (group === undefined) byName.set(key, [span])
    else group.push(span)
  }
  const lines = [...byName.values()].flatMap((group) => (group.length > MAX_ALIKE ? [group] : group.map((span) => [span])))
  return lines.sort((a, b) => (a[0]?.start ?? 0) - (b[0]?.start ?? 0))
}

function toRow(group: readonly TraceSpan[], depth: number): WaterfallRow | undefined {
  const [first] = group
  if (first === undefined) return undefined
  const { span_id, name, target, layer, process } = first
  let sum = 0
  let cpuMs: number | null = null
  let end = 0
  for (const span of group) {
    sum += span.duration_ms ?? 0
    if (span.cpu_ms !== null) cpuMs = (cpuMs ?? 0) + span.cpu_ms
    end = Math.max(end, span.start + (span.duration_ms ?? 0))
  }
  const isOpen = group.some((span) => span.duration_ms === null)
  const status = group.some((span) => span.status === 'error') ? 'error' : isOpen ? 'open' : first.status
  return {
    span_id, name, target, layer, depth, offset_ms: first.start, duration_ms: isOpen ? null : sum, extent_ms: isOpen ? null : end - first.start, status, process,
    count: group.length, cpu_ms: cpuMs,
  } // prettier-ignore
}

// A parent that was not recorded (another service, dropped) makes its children roots; so does a span that is its own parent.
function groupByParent(spans: readonly TraceSpan[]): Map<string, TraceSpan[]> {
  const known = new Set(spans.map((span) => span.span_id))
  const groups = new Map<string, TraceSpan[]>()
  for (const span of spans) {
    const parent = span.parent_id !== null && span.parent_id !== span.span_id && known.has(span.parent_id) ? span.parent_id : ''
    const group = groups.get(parent)
    if (group === undefined) groups.set(parent, [span])
    else group.push(span)
  }
  return groups
}
