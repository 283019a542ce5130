/** A span as the critical path needs it; times in milliseconds. */
export interface TimedSpan {
  span_id: string
  parent_id: string | null
  name: string
  layer: string
  start_ms: number
  end_ms: number
}

/** A stretch of a trace in which it waited for (or ran) this span itself and none of its children. */
export interface PathSegment {
  span_id: string
  name: string
  layer: string
  start_ms: number
  end_ms: number
}

/** What a finished trace waited for, from its root's start to its root's end, in order and without holes. */
export function criticalPath(spans: readonly TimedSpan[]): PathSegment[] {
  const children = childrenOf(spans)
  const root = rootOf(spans)
  if (root === undefined) return []
  const segments: PathSegment[] = []
  walk(root, root.end_ms, children, segments)
  return segments.reverse()
}

/**
 * Backwards from the end: what ended last before the present moment is what was waited for. A child that outlives its parent was not
 * waited for (fire and forget).
 */
function walk(span: TimedSpan, until: number, children: ReadonlyMap<string, TimedSpan[]>, segments: PathSegment[]): void {
  const awaited = (children.get(span.span_id) ?? []).filter((child) => child.end_ms <= span.end_ms && child.end_ms > child.start_ms)
  awaited.sort((a, b) => b.end_ms - a.end_ms || b.start_ms - a.start_ms)
  let now = until
  for (const child of awaited) {
    if (child.end_ms > now || child.start_ms < span.start_ms) continue
    own(span, child.end_ms, now, segments)
    walk(child, child.end_ms, children, segments)
    now = child.start_ms
  }
  own(span, span.start_ms, now, segments)
}

function own({ span_id, name, layer }: TimedSpan, start: number, end: number, segments: PathSegment[]): void {
  if (end > start) segments.push({ span_id, name, layer, start_ms: start, end_ms: end })
}

/** The first span without a parent in the trace. */
export function rootOf(spans: readonly TimedSpan[]): TimedSpan | undefined {
  const ids = new Set(spans.map(({ span_id }) => span_id))
  const roots = spans.filter(({ parent_id }) => parent_id === null || !ids.has(parent_id))
  return roots.toSorted((a, b) => a.start_ms - b.start_ms || b.end_ms - a.end_ms)[0]
}

/** Spans by the id of their parent. */
export function childrenOf(spans: readonly TimedSpan[]): Map<string, TimedSpan[]> {
  const children = new Map<string, TimedSpan[]>()
  for (const span of spans) {
    if (span.parent_id === null) continue
    const siblings = children.get(span.parent_id)
    if (siblings === undefined) children.set(span.parent_id, [span])
    else siblings.push(span)
  }
  return children
}
