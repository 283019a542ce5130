import type { Finding } from '../../analysis/finding.ts'
import { counted, duration, money } from './format.ts'
import { cut, oneLine } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'

/** Findings as a list, two lines each; `total` of them exist. */
export function findingsTable(terminal: Terminal, findings: readonly Finding[], total: number): string {
  if (findings.length === 0) return ''
  const { paint, width } = terminal
  const blocks = findings.map((finding) => {
    const mark = severityMark(terminal, finding)
    return `${mark} ${titleLines(finding.title, width - 8, terminal)}\n        ${paint.dim([costOf(finding), finding.id].filter((text) => text !== '').join('  '))}`
  })
  const more = total > findings.length ? [paint.dim(`        + ${total - findings.length} more: perf-agent findings`)] : []
  return [...blocks, ...more].join('\n')
}

/** Two lines at most, the second below the first. */
function titleLines(title: string, width: number, terminal: Terminal): string {
  const [first = '', ...rest] = wrap(oneLine(title), width).split('\n')
  const begin = cut(first, width, terminal)
  return rest.length === 0 ? begin : `${begin}\n        ${cut(rest.join(' '), width, terminal)}`
}

/** One finding in full. */
export function renderFinding(terminal: Terminal, finding: Finding): string {
  const { paint } = terminal
  const facts = Object.entries(finding.evidence.facts).filter(([, value]) => value !== null)
  const widest = Math.max(18, ...facts.map(([name]) => name.length))
  const places = finding.evidence.places.map(({ file, line, function: name }) =>
    [name, line === null ? file : `${file}:${line}`].filter(Boolean).join('  '),
  )
  const parts = [
    `${severityMark(terminal, finding)} ${paint.bold(oneLine(finding.title))}`,
    paint.dim(`        ${[finding.id, `${costOf(finding)}${perCall(finding)}`].filter((text) => text !== '').join('  ')}`),
    `\n${wrap(finding.advice, terminal.width)}`,
    facts.length === 0 ? '' : `\n${facts.map(([name, value]) => `  ${name.padEnd(widest)} ${factText(value)}`).join('\n')}`,
    places.length === 0 ? '' : `\n${places.map((place) => `  ${place}`).join('\n')}`,
    finding.evidence.traces.length === 0 ? '' : `\nTraces  ${finding.evidence.traces.map((id) => id.slice(0, 12)).join('  ')}`,
    `\nQuery   ${paint.dim(finding.evidence.query)}`,
    `Next    ${paint.cyan(finding.next_command)}`,
  ]
  return `${parts.filter((text) => text !== '').join('\n')}\n`
}

function severityMark({ paint }: Terminal, { severity }: Finding): string {
  if (severity === 'high') return paint.red('high   ')
  return severity === 'medium' ? paint.yellow('medium ') : paint.dim('low    ')
}

function costOf({ cost }: Finding): string {
  const parts = [
    cost.total_ms === null || cost.total_ms === 0 ? undefined : duration(cost.total_ms),
    cost.cpu_ms === null ? undefined : `${duration(cost.cpu_ms)} CPU`,
    cost.usd === null ? undefined : money(cost.usd),
    cost.tokens === null ? undefined : counted(cost.tokens, 'token'),
  ].filter((text) => text !== undefined)
  const calls = counted(cost.calls, 'time')
  return parts.length === 0 ? calls : `${parts.join(', ')}, ${calls}`
}

/** What one call of several costs: `, 41.2ms and $0.002 each`. */
function perCall({ cost }: Finding): string {
  if (cost.calls < 2) return ''
  const parts = [
    cost.per_call_ms === null || cost.per_call_ms === 0 ? undefined : duration(cost.per_call_ms),
    cost.per_call_cpu_ms === null ? undefined : `${duration(cost.per_call_cpu_ms)} CPU`,
    cost.per_call_usd === null ? undefined : money(cost.per_call_usd),
    cost.per_call_tokens === null ? undefined : counted(cost.per_call_tokens, 'token'),
  ].filter((text) => text !== undefined)
  return parts.length === 0 ? '' : `: ${parts.join(', ')} each`
}

function factText(value: unknown): string {
  if (Array.isArray(value)) return value.map(factText).join(', ')
  return typeof value === 'number'
    ? String(Number(value.toPrecision(4)))
    : oneLine(typeof value === 'string' ? value : JSON.stringify(value))
}
