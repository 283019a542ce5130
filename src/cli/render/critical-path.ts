import type { PathSegment } from '../../analysis/critical-path.ts'
import { duration } from './format.ts'
import { oneLine, table } from './table.ts'
import type { Terminal } from './terminal.ts'

const MAX_ROWS = 40

/** What a trace waited for: in order, then summed by name. */
export function criticalPathTable(terminal: Terminal, segments: readonly PathSegment[]): string {
  const last = segments.at(-1)?.end_ms ?? 0
  const total = last - (segments[0]?.start_ms ?? 0)
  const share = (ms: number): string => (total === 0 ? '' : `${((ms / total) * 100).toFixed(0)}%`)
  const right = { align: 'right' as const }
  const steps = segments.map(({ start_ms, end_ms, layer, name }) => ({ start_ms, ms: end_ms - start_ms, layer, name }))
  // Crumbs between two steps say nothing; the sums below hold them.
  const shown = steps.filter(({ ms }) => ms >= total / 1000).slice(0, MAX_ROWS)
  const order = table(
    terminal,
    [{ head: 'at', ...right }, { head: 'waited', ...right }, { head: '', ...right }, { head: 'layer' }, { head: 'for', flexible: true }],
    shown.map((step) => [duration(step.start_ms), duration(step.ms), share(step.ms), step.layer, oneLine(step.name)]),
  )
  const sums = new Map<string, { layer: string; name: string; ms: number; times: number }>()
  for (const { layer, name, ms } of steps) {
    const sum = sums.get(`${layer} ${name}`) ?? { layer, name, ms: 0, times: 0 }
    sums.set(`${layer} ${name}`, { ...sum, ms: sum.ms + ms, times: sum.times + 1 })
  }
  const byName = [...sums.values()].sort((a, b) => b.ms - a.ms).slice(0, 10)
  const summed = table(
    terminal,
    [
      { head: 'on the path', ...right },
      { head: '', ...right },
      { head: 'steps', ...right },
      { head: 'layer' },
      { head: 'name', flexible: true },
    ],
    byName.map((sum) => [duration(sum.ms), share(sum.ms), String(sum.times), sum.layer, oneLine(sum.name)]),
  )
  const left = steps.length - shown.length
  return `${order}${left > 0 ? `\n${terminal.paint.dim(`+ ${left} shorter steps`)}` : ''}\n\n${summed}`
}
