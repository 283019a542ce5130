import type { VariantCode } from '../../analysis/digest/code.ts'
import { fit, type Fitted, type Piece, type Step } from '../../analysis/digest/fit.ts'
import type { CountTokens } from '../../analysis/digest/tokens.ts'
import type { Finding } from '../../analysis/finding.ts'
import type { WaterfallRow } from '../../analysis/trace-tree.ts'
import { codeBlock, findingInFull, findingLine } from './digest.ts'
import { duration } from './format.ts'
import { oneLine } from './table.ts'

/** A trace as an assistant reads it. */
export interface TraceText {
  trace_id: string
  name: string
  duration_ms: number
  status: string
  rows: readonly WaterfallRow[]
}

interface Budget {
  budget: number
  count: CountTokens
}

/** A finding with its traces, the code that ran in them and its query, at most `budget` tokens. */
export function showFinding(
  finding: Finding,
  traces: readonly TraceText[],
  code: readonly VariantCode[],
  { budget, count }: Budget,
): Fitted {
  const trees = traces.map((trace) => ({ id: trace.trace_id, forms: ['', `${traceTree(trace)}\n`] }))
  const sources = code.map((variant) => ({ id: variant.variant, forms: ['', codeBlock(variant)] }))
  const pieces: Piece[] = [
    { id: 'finding', forms: [findingLine(finding), findingInFull(finding)] },
    ...trees,
    ...sources,
    { id: 'query', forms: ['', `Query: \`perf-agent sql "${finding.evidence.query}"\`\n`] },
  ]
  const raise = (some: readonly { id: string }[]): Step[] => some.map(({ id }) => ({ id, form: 1 }))
  const plan = [
    { id: 'finding', form: 1 },
    ...raise(trees.slice(0, 1)),
    ...raise(sources),
    { id: 'query', form: 1 },
    ...raise(trees.slice(1)),
  ]
  return fit({ pieces, plan, budget, count })
}

/** A trace as a tree, at most `budget` tokens: the longest spans first, with the spans above them. */
export function showTrace(trace: TraceText, { budget, count }: Budget): Fitted {
  const lines = trace.rows.map((row, i) => ({ id: String(i), forms: ['', rowLine(row)] }))
  const above = parentsOf(trace.rows)
  const byTime = trace.rows.map((row, i) => ({ i, ms: row.extent_ms ?? Infinity })).sort((a, b) => b.ms - a.ms || a.i - b.i)
  const planned = new Set<number>()
  for (const { i } of byTime) for (const at of [...(above[i] ?? []), i]) planned.add(at)
  return fit({
    pieces: lines,
    plan: [...planned].map((i) => ({ id: String(i), form: 1 })),
    budget,
    count,
    assemble(forms) {
      const shown = lines.filter(({ id }) => forms.get(id) === 1)
      const hidden = lines.length - shown.length
      return `${heading(trace)}${shown.map(({ forms: [, text] }) => text).join('')}${hidden === 0 ? '' : `+ ${hidden} shorter lines\n`}`
    },
  })
}

/** A trace as a tree, one line a span. */
export function traceTree(trace: TraceText): string {
  return heading(trace) + trace.rows.map(rowLine).join('')
}

const heading = ({ trace_id, name, duration_ms, status }: TraceText): string =>
  `Trace \`${trace_id.slice(0, 12)}\` ${oneLine(name)} ${duration(duration_ms)}${status === 'error' ? ' error' : ''}\n`

function rowLine(row: WaterfallRow): string {
  const facts = [
    `${duration(row.duration_ms)}`,
    ...(row.depth === 0 ? [] : [`at ${duration(row.offset_ms)}`]),
    ...(row.cpu_ms === null ? [] : [`${duration(row.cpu_ms)} CPU`]),
    ...(row.status === 'error' || row.status === 'open' ? [row.status] : []),
  ]
  const name = row.target === null ? row.name : `${row.name} ${row.target}`
  return `${'  '.repeat(row.depth)}- ${row.layer} ${oneLine(name)}${row.count > 1 ? ` ×${row.count}` : ''} ${facts.join(' ')}\n`
}

/** For each row those it is below, outermost first. */
function parentsOf(rows: readonly WaterfallRow[]): number[][] {
  const path: number[] = []
  return rows.map(({ depth }, i) => {
    path.length = Math.min(path.length, depth)
    const above = [...path]
    path.push(i)
    return above
  })
}
