import type { Finding } from '../../analysis/finding.ts'
import type { VariantCode } from '../../analysis/digest/code.ts'
import { fit, type Fitted, type Piece, type Step } from '../../analysis/digest/fit.ts'
import type { CountTokens } from '../../analysis/digest/tokens.ts'
import type { ReportData } from '../../analysis/report.ts'
import { count, counted, duration, money, share } from './format.ts'
import { oneLine } from './table.ts'

// The report for an assistant: markdown within a budget of tokens. What matters most is said in full, what matters less in one line, the
// rest is counted; ids and commands lead to the rest.

export interface DigestOptions {
  data: ReportData
  code: readonly VariantCode[]
  budget: number
  count: CountTokens
}

/** Forms of a finding. */
export const FINDING_FORMS = { counted: 0, line: 1, full: 2 } as const

/** How many findings come in full before anything else, and in a line before the overview. */
const FIRST_FULL = 3
const FIRST_LINES = 8

/** The report as markdown, at most `budget` tokens. */
export function renderDigest({ data, code, budget, count: countTokens }: DigestOptions): Fitted {
  const { findings } = data
  const sections = overview(data)
  const pieces: Piece[] = [
    ...findings.map((finding) => ({ id: finding.id, forms: ['', findingLine(finding), findingInFull(finding)] })),
    ...sections.map(({ id, text }) => ({ id, forms: ['', text] })),
    ...code.map((variant) => ({ id: variant.variant, forms: ['', codeBlock(variant)] })),
  ]
  return fit({
    pieces,
    plan: planOf(
      findings,
      sections.map(({ id }) => id),
      code.map(({ variant }) => variant),
    ),
    budget,
    count: countTokens,
    assemble: (forms) => assemble(data, pieces, forms, sections.length),
  })
}

/** The order in which parts get room; also that of the JSON form. */
export function planOf(findings: readonly Finding[], sections: readonly string[], code: readonly string[]): Step[] {
  const ids = findings.map(({ id }) => id)
  const raise = (some: readonly string[], form: number): Step[] => some.map((id) => ({ id, form }))
  return [
    ...raise(ids.slice(0, FIRST_LINES), FINDING_FORMS.line),
    ...raise(sections.slice(0, 1), 1),
    ...raise(ids.slice(0, FIRST_FULL), FINDING_FORMS.full),
    ...raise(sections.slice(1), 1),
    ...raise(ids, FINDING_FORMS.line),
    ...raise(ids, FINDING_FORMS.full),
    ...raise(code, 1),
  ]
}

function assemble(data: ReportData, pieces: readonly Piece[], forms: ReadonlyMap<string, number>, sectionCount: number): string {
  const { findings } = data
  const textOf = ({ id, forms: all }: Piece): string => all[forms.get(id) ?? 0] ?? ''
  const found = pieces.slice(0, findings.length)
  const overviews = pieces.slice(findings.length, findings.length + sectionCount)
  const code = pieces.slice(findings.length + sectionCount)
  const full = found.filter(({ id }) => forms.get(id) === FINDING_FORMS.full)
  const lines = found.filter(({ id }) => forms.get(id) === FINDING_FORMS.line)
  const rest = findings.filter(({ id }) => forms.get(id) === FINDING_FORMS.counted)
  const parts = [
    head(data),
    findings.length === 0 ? 'No findings.\n' : '',
    full.length > 0 ? `## Findings, the costliest first\n${full.map(textOf).join('')}` : '',
    lines.length > 0 ? `${full.length > 0 ? '### More' : '## Findings, the costliest first'}\n${lines.map(textOf).join('')}` : '',
    rest.length > 0 ? `${leftOut(rest)}\n` : '',
    ...overviews.map(textOf),
    code.some((piece) => textOf(piece) !== '') ? `## Code\n${code.map(textOf).join('')}` : '',
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function head({ session, totals, findings, gaps }: ReportData): string {
  const facts = [
    session.state,
    session.node === null ? undefined : `node ${session.node.replace(/^v/, '')}`,
    session.git_commit === null ? undefined : `commit ${session.git_commit.slice(0, 8)}`,
    `${duration(session.duration_ms)}, ${counted(totals.spans, 'span')}, ${counted(totals.traces, 'trace')}, ${counted(totals.errors, 'error')}`,
    totals.cost_usd === null
      ? undefined
      : `AI ${money(totals.cost_usd)} for ${count(totals.input_tokens)} + ${counted(totals.output_tokens, 'token')}`,
  ]
  const lost = Object.entries(gaps.counters).map(([name, value]) => `${name} ${count(value)}`)
  const expand = findings[0] === undefined ? '' : `Expand any id: \`perf-agent show ${findings[0].id} --budget 1000\`\n`
  return [
    `# ${session.name}\n${facts.filter((fact) => fact !== undefined).join(' · ')}\n`,
    session.problem === null ? '' : `Note: ${session.problem}.\n`,
    lost.length === 0 ? '' : `Not recorded: ${lost.join(', ')}\n`,
    expand,
  ].join('')
}

function leftOut(rest: readonly Finding[]): string {
  const kinds = new Map<string, number>()
  for (const { kind } of rest) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  return `+ ${rest.length} more (\`perf-agent findings\`): ${[...kinds].map(([kind, n]) => (n === 1 ? kind : `${n} ${kind}`)).join(', ')}`
}

/** A finding in one line. */
export function findingLine(finding: Finding): string {
  return `- ${finding.severity} \`${finding.id}\` ${oneLine(finding.title)} (${costOf(finding)})\n`
}

/** A finding with everything an assistant needs to act on it. */
export function findingInFull(finding: Finding): string {
  const { evidence } = finding
  const facts = Object.entries(evidence.facts).filter(([, value]) => value !== null)
  const places = evidence.places.map(
    ({ file, line, function: name }) => `${name === null ? '' : `${name} `}${file}${line === null ? '' : `:${line}`}`,
  )
  const lines = [
    `### ${finding.severity}: ${oneLine(finding.title)}`,
    `\`${finding.id}\` · ${costOf(finding)}`,
    finding.advice.trim(),
    facts.length === 0 ? '' : `Evidence: ${facts.map(([name, value]) => `${name} ${factText(value)}`).join('; ')}`,
    places.length === 0 ? '' : `Where: ${places.join(', ')}`,
    evidence.traces.length === 0 ? '' : `Traces: ${evidence.traces.map((id) => id.slice(0, 12)).join(' ')}`,
    `Next: \`${finding.next_command}\``,
  ]
  return `${lines.filter((line) => line !== '').join('\n')}\n\n`
}

function costOf({ cost }: Finding): string {
  return [
    cost.total_ms === null || cost.total_ms === 0 ? undefined : duration(cost.total_ms),
    cost.cpu_ms === null ? undefined : `${duration(cost.cpu_ms)} CPU`,
    cost.usd === null ? undefined : money(cost.usd),
    cost.tokens === null ? undefined : counted(cost.tokens, 'token'),
    `${count(cost.calls)}×`,
  ]
    .filter((part) => part !== undefined)
    .join(', ')
}

const factText = (value: unknown): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(4))) : oneLine(typeof value === 'string' ? value : JSON.stringify(value))

/** Tables of the report, the most telling first. */
function overview(data: ReportData): { id: string; text: string }[] {
  const whole = data.layers.reduce((sum, { self_ms }) => sum + self_ms, 0)
  const sections = [
    table('layers', 'Time by layer', ['layer', 'count', 'self', 'share', 'p95', 'errors'], data.layers.map((row) => [row.layer, count(row.count), duration(row.self_ms), share(row.self_ms, whole), duration(row.p95_ms), count(row.errors)])),
    table('traces', 'Slowest traces', ['trace', 'name', 'time', 'spans', 'status'], data.traces.map((row) => [row.trace_id.slice(0, 12), row.name, duration(row.duration_ms), count(row.spans), row.status])),
    table('errors', 'Errors', ['count', 'type', 'where', 'message', 'trace'], data.errors.map((row) => [count(row.count), row.error_type ?? '', `${row.layer} ${row.name}`, row.message ?? '', row.trace_id.slice(0, 12)])),
    table('ai', 'AI calls', ['model', 'calls', 'in', 'out', 'cost', 'p95', 'errors'], data.ai.map((row) => [row.model ?? '', count(row.calls), count(row.input_tokens), count(row.output_tokens), money(row.cost_usd), duration(row.p95_ms), count(row.errors)])),
    table('endpoints', 'Endpoints', ['route', 'count', 'p50', 'p95', 'errors'], data.endpoints.map((row) => [row.route, count(row.count), duration(row.p50_ms), duration(row.p95_ms), count(row.errors)])),
    table('queries', 'Slow queries', ['statement', 'count', 'total', 'p95'], data.queries.map((row) => [row.statement, count(row.count), duration(row.total_ms), duration(row.p95_ms)])),
    table('names', 'Time by name', ['name', 'layer', 'count', 'self', 'p95'], data.names.map((row) => [row.target === null ? row.name : `${row.name} ${row.target}`, row.layer, count(row.count), duration(row.self_ms), duration(row.p95_ms)])),
    table('stalls', 'Blocked event loop', ['by', 'at', 'times', 'most'], (data.loop?.stalls ?? []).map((row) => [row.what, row.file === null ? '' : `${row.file}:${row.line ?? '?'}`, count(row.count), duration(row.max_ms)])),
  ] // prettier-ignore
  return sections.filter(({ text }) => text !== '')
}

function table(id: string, title: string, headings: readonly string[], rows: readonly (readonly string[])[]): { id: string; text: string } {
  if (rows.length === 0) return { id, text: '' }
  const line = (cells: readonly string[]): string => `|${cells.map((cell) => oneLine(cell).replaceAll('|', '\\|')).join('|')}|\n`
  return { id, text: `## ${title}\n${line(headings)}|${headings.map(() => '-').join('|')}|\n${rows.map(line).join('')}` }
}

/** The source of a tool, with its place. */
export function codeBlock({ name, file, line, source }: VariantCode): string {
  const fence = source.includes('```') ? '````' : '```'
  return `${name}${file === null ? '' : ` ${file}`}${line === null ? '' : `:${line}`}\n${fence}\n${source.trimEnd()}\n${fence}\n`
}
