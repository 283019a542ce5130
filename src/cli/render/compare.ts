import type { CompareData, ComparedGroup, SideFacts, UsageMetric } from '../../analysis/compare/compare-selections.ts'
import type { SampleComparison, Verdict } from '../../analysis/statistics/compare-samples.ts'
import { count, counted, duration, money } from './format.ts'
import { cut, oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'
import { plural } from '../../analysis/plural.ts'

/** A comparison for a person: what was compared, how many of each verdict, a table of durations, and what else changed. */
export function compareText(terminal: Terminal, data: CompareData, options: { limit: number; sameWithin: number }): string {
  const { paint } = terminal
  const noun = NOUNS[data.by]
  const parts = [data.sides.map((side, i) => sideLine(terminal, 'AB'[i] ?? '', side)).join('\n')]
  if (data.groups.length === 0) parts.push(`They have no ${noun} in common${data.by === 'name' ? '; try --by layer' : ''}.`)
  else {
    parts.push(summary(terminal, data, noun, options.sameWithin), durationTable(terminal, data.groups.slice(0, options.limit)))
    const more = data.groups.length - options.limit
    if (more > 0) parts.push(paint.dim(`+ ${more} more (--limit ${data.groups.length})`))
    const changes = changeTable(terminal, data.groups)
    if (changes !== '') parts.push(changes)
    parts.push(paint.dim(explain(terminal, data.groups)))
  }
  for (const problem of data.sides.flatMap(({ problems }) => problems)) parts.push(cut(`! ${problem}`, 400, terminal))
  const absent = data.only.flatMap((groups, i) =>
    groups.length === 0
      ? []
      : [
          onlyLine(
            terminal,
            'AB'[i] ?? '',
            groups.map(({ key }) => key),
          ),
        ],
  )
  if (absent.length > 0) parts.push(absent.join('\n'))
  if (data.left_out > 0) parts.push(paint.dim(`${data.left_out} more in common were not compared: they take the least time.`))
  return `${parts.join('\n\n')}\n`
}

const NOUNS: Record<CompareData['by'], string> = {
  name: 'name', layer: 'layer', route: 'route', model: 'model', query: 'query', variant: 'variant', session: 'session', error: 'type of error',
} // prettier-ignore

function sideLine(terminal: Terminal, side: string, { text, sessions, commits, spans }: SideFacts): string {
  if (spans === 0)
    return `${terminal.paint.bold(cut(`${side}  ${text}`, terminal.width, terminal))}\n   ${terminal.paint.yellow('selects no spans')}`
  const only =
    sessions.length === 1 ? (sessions[0] ?? '') : `${counted(sessions.length, 'session')}, ${sessions.at(0)} to ${sessions.at(-1)}`
  const what = [only === text ? '' : only, commits.length === 1 ? `commit ${commits[0]?.slice(0, 7)}` : '', counted(spans, 'span')]
  const facts = what.filter((part) => part !== '').join(', ')
  const line = `${side}  ${oneLine(text)}`
  if (line.length + facts.length + 2 <= terminal.width) return `${terminal.paint.bold(line)}  ${terminal.paint.dim(facts)}`
  return `${terminal.paint.bold(cut(line, terminal.width, terminal))}\n   ${terminal.paint.dim(cut(facts, terminal.width - 3, terminal))}`
}

function summary(terminal: Terminal, { groups }: CompareData, noun: string, sameWithin: number): string {
  const number = (wanted: Verdict): number => groups.filter((group) => group.duration.verdict === wanted).length
  const { paint } = terminal
  const [slower, faster] = [number('slower'), number('faster')]
  const parts = [
    slower > 0 ? paint.red(`${slower} slower`) : '0 slower',
    faster > 0 ? paint.green(`${faster} faster`) : '0 faster',
    `${number('same')} the same within ${Number((sameWithin * 100).toFixed(1))}%`,
    `${number('not enough data')} not enough data`,
  ]
  return `${paint.bold(`${groups.length} ${noun.replace(/^\S+/, (word) => plural(word, groups.length))}`)}: ${parts.join(', ')}`
}

const right = { align: 'right' as const }

function durationTable(terminal: Terminal, groups: readonly ComparedGroup[]): string {
  const columns: TableColumn[] = [
    { head: '' }, { head: 'name', flexible: true }, { head: 'calls', ...right }, { head: 'A p50', ...right }, { head: 'B p50', ...right },
    { head: 'change', ...right }, { head: '95% sure', ...right }, { head: 'p95', ...right },
  ] // prettier-ignore
  const names = namesOf(groups)
  const rows = groups.map(({ calls, duration: compared }, i) => [
    verdictWord(terminal, compared.verdict), names[i] ?? '', callsOf(calls), duration(compared.medians[0]), duration(compared.medians[1]),
    signed(compared.difference), range(compared), signed(compared.p95s[1] / compared.p95s[0] - 1),
  ]) // prettier-ignore
  return table(terminal, columns, rows)
}

/** Names of groups on one line, with the layer where two layers have the same name. */
export function namesOf(groups: readonly { layer: string; key: string }[]): string[] {
  const layers = new Map<string, Set<string>>()
  for (const { layer, key } of groups) layers.set(key, (layers.get(key) ?? new Set()).add(layer))
  return groups.map(({ layer, key }) => oneLine((layers.get(key)?.size ?? 0) > 1 ? `${layer} ${key}` : key))
}

/** One number where both sides have as many. */
function callsOf([a, b]: [number, number]): string {
  return count(a) === count(b) ? count(a) : `${count(a)}/${count(b)}`
}

function verdictWord({ paint }: Terminal, verdict: Verdict): string {
  if (verdict === 'slower') return paint.red('slower')
  if (verdict === 'faster') return paint.green('faster')
  return verdict === 'same' ? 'same' : paint.dim('?')
}

/** A relative change: `+12%`, `x3.5` from +200 % on. */
export function signed(change: number): string {
  if (change === Number.POSITIVE_INFINITY) return 'from 0'
  if (!Number.isFinite(change)) return '-'
  if (change >= 2) return `x${(1 + change).toFixed(change < 9 ? 1 : 0)}`
  const percent = change * 100
  const digits = Math.abs(percent) < 9.95 && percent !== 0 ? 1 : 0
  return `${percent > 0 ? '+' : ''}${percent.toFixed(digits)}%`
}

/** Where the change lies; of what says nothing, which change these samples would have shown. */
function range({ interval, verdict, minimumDetectable, clusters }: SampleComparison): string {
  if (Math.min(...clusters) < 5) return 'too few'
  // A change of more than that nobody would look for.
  if (verdict === 'not enough data') return minimumDetectable < 9 ? `needs ${signed(minimumDetectable)}` : 'too few'
  return `${signed(interval[0])} ${signed(interval[1])}`
}

/** A comparison in a few words: `slower +101% (+91% +110%)`. */
export function claim(terminal: Terminal, compared: SampleComparison, withRange = true): string {
  const { verdict, difference } = compared
  if (verdict === 'not enough data') return terminal.paint.dim(`? ${range(compared)}`)
  return `${verdictWord(terminal, verdict)} ${signed(difference)}${withRange ? ` (${range(compared)})` : ''}`
}

interface Change {
  group: ComparedGroup
  what: string
  before: string
  after: string
  verdict: Verdict
}

const USAGE: Record<UsageMetric, { what: string; format: (value: number) => string }> = {
  self_cpu_ms: { what: 'CPU per call', format: duration },
  input_tokens: { what: 'input tokens per call', format: count },
  output_tokens: { what: 'output tokens per call', format: count },
  cost_usd: { what: 'cost per call', format: money },
}

/** Changes of anything but durations that are sure. */
function changeTable(terminal: Terminal, groups: readonly ComparedGroup[]): string {
  const changes = groups.flatMap((group): Change[] => {
    const { errors, usage } = group
    const rate = (value: number): string => `${(value * 100).toFixed(1)}%`
    const failing =
      errors === null
        ? []
        : [{ group, what: 'errors', before: rate(errors.rates[0]), after: rate(errors.rates[1]), verdict: errors.verdict }]
    const used = (Object.keys(USAGE) as UsageMetric[]).flatMap((metric) => {
      const compared = usage[metric]
      const { what, format } = USAGE[metric]
      return compared === undefined
        ? []
        : [{ group, what, before: format(compared.means[0]), after: format(compared.means[1]), verdict: compared.verdict }]
    })
    return [...failing, ...used].filter(({ verdict }) => verdict === 'slower' || verdict === 'faster')
  })
  if (changes.length === 0) return ''
  const columns: TableColumn[] = [
    { head: '' },
    { head: 'name', flexible: true },
    { head: 'what' },
    { head: 'A', ...right },
    { head: 'B', ...right },
  ]
  const names = namesOf(groups)
  const word = (verdict: Verdict): string => (verdict === 'slower' ? terminal.paint.red('more') : terminal.paint.green('less'))
  return table(terminal, columns, changes.map(({ group, what, before, after, verdict }) => [word(verdict), names[groups.indexOf(group)] ?? '', what, before, after])) // prettier-ignore
}

function explain(terminal: Terminal, groups: readonly ComparedGroup[]): string {
  const unsure = groups.some(({ duration: { verdict } }) => verdict === 'not enough data')
  return [
    groups.length === 1
      ? 'Of medians; one false claim in twenty such comparisons at most.'
      : `Of medians; corrected for ${groups.length} comparisons: a false claim in 1 of 20 such tables.`,
    ...(unsure ? ['? = not enough data: it needs a change that large to be found four times in five.'] : []),
  ]
    .map((line) => wrap(line, terminal.width))
    .join('\n')
}

function onlyLine(terminal: Terminal, side: string, keys: readonly string[]): string {
  const shown = keys.slice(0, 5).map(oneLine).join(', ')
  return cut(`Only in ${side}: ${shown}${keys.length > 5 ? `, ${keys.length - 5} more` : ''}`, terminal.width, terminal)
}
