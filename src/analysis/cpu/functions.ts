import type { FlameData, FlameFrame } from './flame-data.ts'

/** CPU of one function; microseconds. */
export interface FunctionCpu extends FlameFrame {
  self: number
  /** With what it called. */
  total: number
  /** Span that most of its own time ran in. */
  span: string | null
}

/** Every function by its own time. A function that calls itself counts once. */
export function functionsOf(flame: FlameData): FunctionCpu[] {
  const all = new Map<string, FunctionCpu & { spans: Map<string | null, number> }>()
  const entry = (frame: number): (FunctionCpu & { spans: Map<string | null, number> }) | undefined => {
    const known = flame.frames.get(frame)
    if (known === undefined) return undefined
    const key = functionKey(known)
    let found = all.get(key)
    if (found === undefined) all.set(key, (found = { ...known, self: 0, total: 0, span: null, spans: new Map() }))
    return found
  }
  for (const { frames, us, span } of flame.stacks) {
    for (const own of new Set(frames.map(entry))) if (own !== undefined) own.total += us
    const leaf = entry(frames.at(-1) ?? -1)
    if (leaf === undefined) continue
    leaf.self += us
    leaf.spans.set(span, (leaf.spans.get(span) ?? 0) + us)
  }
  return [...all.values()]
    .map(({ spans, ...own }) => ({ ...own, span: [...spans].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null }))
    .sort((a, b) => b.self - a.self || b.total - a.total || a.function.localeCompare(b.function))
}

/** Functions are the same when name, file and line are. */
export const functionKey = ({ function: name, file, line }: FlameFrame): string => `${name}\n${file ?? ''}\n${line ?? ''}`

/** A function in two sessions; microseconds of its own time. */
export interface FunctionChange {
  function: string
  file: string | null
  before: number
  after: number
  change: number
}

/** What changed per function from `before` to `after`, largest first. Lines move when code is edited: here name and file decide. */
export function compareFunctions(before: FlameData, after: FlameData): FunctionChange[] {
  const all = new Map<string, FunctionChange>()
  for (const [side, flame] of [
    ['before', before],
    ['after', after],
  ] as const)
    // prettier-ignore
    for (const own of functionsOf(flame)) {
      const key = `${own.function}\n${own.file ?? ''}`
      const row = all.get(key) ?? { function: own.function, file: own.file, before: 0, after: 0, change: 0 }
      row[side] += own.self
      row.change = row.after - row.before
      all.set(key, row)
    }
  return [...all.values()].sort((a, b) => Math.abs(b.change) - Math.abs(a.change))
}

/** CPU of one span name; microseconds. */
export interface SpanCpu {
  span: string | null
  layer: string | null
  us: number
  /** The function most of it was spent in. */
  hottest: FlameFrame | null
}

/** CPU by name of the span whose code ran. */
export function spansOf(flame: FlameData): SpanCpu[] {
  const all = new Map<string, SpanCpu & { leaves: Map<number, number> }>()
  for (const { frames, us, span, layer } of flame.stacks) {
    const key = `${layer ?? ''} ${span ?? ''}`
    let own = all.get(key)
    if (own === undefined) all.set(key, (own = { span, layer, us: 0, hottest: null, leaves: new Map() }))
    own.us += us
    const leaf = frames.at(-1) ?? -1
    own.leaves.set(leaf, (own.leaves.get(leaf) ?? 0) + us)
  }
  return [...all.values()]
    .map(({ leaves, ...own }) => ({
      ...own,
      hottest: flame.frames.get([...leaves].sort((a, b) => b[1] - a[1])[0]?.[0] ?? -1) ?? null,
    }))
    .sort((a, b) => b.us - a.us)
}
