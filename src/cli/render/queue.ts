import { isOpen } from '../../analysis/queue/candidates.ts'
import type { Candidate, CandidateMetric, CandidateState, Savings } from '../../analysis/queue/candidate.ts'
import { counted, duration, money } from './format.ts'
import { cut, oneLine } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'

/** The queue as a list, two lines each: what it is, then what it would save and its id. */
export function queueList(terminal: Terminal, shown: readonly Candidate[], hidden: { open: number; settled: number }): string {
  const { paint, width } = terminal
  const blocks = shown.map((candidate) => {
    const [first = '', ...rest] = wrap(oneLine(candidate.title), width - 10).split('\n')
    const title = [
      cut(first, width - 10, terminal),
      ...(rest.length === 0 ? [] : [`          ${cut(rest.join(' '), width - 10, terminal)}`]),
    ]
    const facts = [savingsText(candidate.saves), candidate.id].filter((text) => text !== '').join('  ')
    const waiting = candidate.waiting === null ? [] : [paint.dim(cut(`          ${candidate.waiting}`, width, terminal).padStart(0))]
    return [
      `${stateMark(terminal, candidate.state)} ${title.join('\n')}`,
      paint.dim(`${priorityText(candidate).padStart(8)}  ${facts}`),
      ...waiting.map((line) => `          ${line.trimStart()}`),
    ].join('\n')
  })
  const more = [
    ...(hidden.open > 0 ? [`+ ${hidden.open} more: perf-agent queue --limit ${shown.length + hidden.open}`] : []),
    ...(hidden.settled > 0 ? [`+ ${hidden.settled} done or closed: perf-agent queue --all`] : []),
  ]
  return [...blocks, ...more.map((line) => paint.dim(`          ${line}`))].join('\n')
}

const priorityText = ({ priority, state }: Candidate): string => (state === 'open' || state === 'reopened' ? String(priority) : '')

function stateMark({ paint }: Terminal, state: CandidateState): string {
  const text = state.padEnd(9)
  if (state === 'reopened') return paint.red(text)
  if (state === 'open') return paint.yellow(text)
  return state === 'closed' ? paint.green(text) : paint.dim(text)
}

/** What a candidate would save, in words; empty where nothing is known. */
export function savingsText({ ms, cpu_ms, usd, tokens, failures }: Savings): string {
  const parts = [
    ...(ms > 0 ? [duration(ms)] : []),
    ...(cpu_ms > 0 ? [`${duration(cpu_ms)} CPU`] : []),
    ...(usd > 0 ? [money(usd)] : []),
    ...(tokens > 0 ? [counted(tokens, 'token')] : []),
    ...(failures >= 1 ? [counted(failures, 'failure')] : []),
  ]
  return parts.length === 0 ? '' : `saves ${parts.join(', ')}`
}

/** A figure with its unit. */
export function metricText(value: number | null, unit: string): string {
  if (value === null) return '-'
  if (unit === 'ms') return duration(value)
  if (unit === 'usd') return money(value)
  if (unit === 'share') return `${Number((value * 100).toPrecision(3))}%`
  return `${Number(value.toPrecision(4))}${unit === '' ? '' : ` ${unit}`}`
}

/** `mean duration 82ms → 5ms`. */
export const metricLine = ({ metric, unit, current, target }: CandidateMetric): string =>
  `${metric} ${metricText(current, unit)}${target === null ? '' : ` → ${metricText(target, unit)}`}`

/** One candidate with everything that is kept of it but its code. */
export function renderCandidate(terminal: Terminal, candidate: Candidate): string {
  const { paint, width } = terminal
  const places = candidate.places.map(({ file, line, function: name }) =>
    [name, line === null ? file : `${file}:${line}`].filter(Boolean).join('  '),
  )
  const code = candidate.code.map(
    ({ name, file, line, variant }) =>
      `${name}  ${line === null ? file : `${file}:${line}`}  ${paint.dim(`variant ${variant.slice(0, 8)}`)}`,
  )
  const where = places.length > 0 ? places : code
  const seen = (label: string, { session, git_commit }: Candidate['last_seen']): string =>
    `  ${label.padEnd(11)} ${session}${git_commit === null ? '' : paint.dim(`  commit ${git_commit.slice(0, 8)}`)}`
  const parts = [
    `${stateMark(terminal, candidate.state)} ${paint.bold(wrap(oneLine(candidate.title), width - 10, '          '))}`,
    paint.dim(`          ${[candidate.id, savingsText(candidate.saves), isOpen(candidate) ? `priority ${candidate.priority}` : ''].filter((text) => text !== '').join('  ')}`),
    `\n${wrap(candidate.recommendation, width)}`,
    candidate.metrics.length === 0 ? '' : `\n${['now', ...candidate.metrics.map(metricLine)].map((line, i) => (i === 0 ? paint.dim('Now → target') : `  ${line}`)).join('\n')}`,
    where.length === 0 ? '' : `\n${paint.dim('Where')}\n${where.map((place) => `  ${place}`).join('\n')}`,
    candidate.violations.length === 0 ? '' : `\n${paint.dim('Thresholds not kept')}\n${candidate.violations.map((v) => `  ${v.level}  ${v.rule}: ${metricText(v.current, v.unit)}, limit ${metricText(v.target, v.unit)}`).join('\n')}`,
    `\n${paint.dim('Seen')}\n${seen('first', candidate.first_seen)}\n${seen('last', candidate.last_seen)}`,
    candidate.waiting === null ? '' : `  ${wrap(candidate.waiting, width - 2, '  ')}`,
    `\n${paint.dim('History')}\n${candidate.history.map(({ at, event, text }) => wrap(`  ${at.slice(0, 16).replace('T', ' ')}  ${event}: ${oneLine(text)}`.trim(), width - 2, '    ')).map((line) => `  ${line}`).join('\n')}`,
    `\nNext    ${paint.cyan(isOpen(candidate) ? `perf-agent optimize ${candidate.id} -- <command>` : candidate.next_command)}`,
    candidate.traces.length === 0 ? '' : `        ${paint.cyan(`perf-agent trace ${candidate.traces[0]?.slice(0, 12)} --session ${candidate.last_seen.session}`)}`,
  ] // prettier-ignore
  return `${parts.filter((text) => text !== '').join('\n')}\n`
}

/** The queue as markdown for an assistant. */
export function queueMarkdown(shown: readonly Candidate[], hidden: { open: number; settled: number }): string {
  const lines = shown.map((candidate, i) => {
    const facts = [
      candidate.state,
      `priority ${candidate.priority}`,
      savingsText(candidate.saves),
      ...candidate.metrics.slice(0, 1).map(metricLine),
    ]
    return `${i + 1}. \`${candidate.id}\` ${oneLine(candidate.title)} (${facts.filter((text) => text !== '').join(', ')})\n`
  })
  const rest = [
    ...(hidden.open > 0 ? [`${hidden.open} more`] : []),
    ...(hidden.settled > 0 ? [`${hidden.settled} done or closed (\`perf-agent queue --all\`)`] : []),
  ]
  return `# Queue, what saves most first\n${lines.join('')}${rest.length === 0 ? '' : `+ ${rest.join(', ')}\n`}\nOne in full: \`perf-agent queue show ${shown[0]?.id ?? 'ID'} --format md\`\n`
}
