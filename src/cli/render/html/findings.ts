import type { Json } from '@duckdb/node-api'
import type { Finding, FindingCost } from '../../../analysis/finding.ts'
import { count, counted, money } from '../format.ts'
import { duration } from './figures.ts'
import { advice, markup, type Markup, type Part } from './markup.ts'
import type { TraceLink } from './columns.ts'

/** Findings that have a card; the rest is counted. */
const MAX_CARDS = 40
/** The others are folded. */
const FIRST_CARDS = 8

/** The findings as cards that open, the costliest first. */
export function findingCards(findings: readonly Finding[], link: TraceLink): Part {
  if (findings.length === 0) return markup`<p class="note">Nothing stands out in this session.</p>`
  const rest = findings.length - MAX_CARDS
  const cards = findings.slice(0, MAX_CARDS).map((finding) => card(finding, link))
  const first = Math.max(FIRST_CARDS, findings.filter(({ severity }) => severity === 'high').length)
  const folded = cards.length > first + 2 ? cards.slice(first) : []
  return [
    cards.slice(0, cards.length - folded.length),
    folded.length > 0 && markup`<details class="more"><summary>${folded.length} more, of less weight</summary>${folded}</details>`,
    rest > 0 && markup`<p class="note">+ ${rest} more: <code>perf-agent findings --limit ${findings.length}</code></p>`,
  ]
}

function card(finding: Finding, link: TraceLink): Markup {
  const { evidence } = finding
  const facts = Object.entries(evidence.facts).filter(([, value]) => value !== null && value !== '')
  return markup`<details class="finding sev-${finding.severity}" id="${finding.id}" data-find>
<summary><span class="sev">${finding.severity}</span><span class="title">${finding.title}</span><span class="costs">${costs(finding.cost).map(({ value, what }) => markup`<span><b>${value}</b> ${what}</span>`)}</span></summary>
<div class="body"><div class="advice">${advice(finding.advice)}</div>
<dl>${facts.map(([name, value]) => markup`<div><dt>${name.replaceAll('_', ' ')}</dt><dd>${factText(name, value)}</dd></div>`)}${
    evidence.places.length > 0 &&
    markup`<div><dt>where</dt><dd>${evidence.places.map(({ file, line, function: name }) => markup`<code>${file}${line === null ? '' : `:${line}`}</code> ${name} `)}</dd></div>`
  }${evidence.traces.length > 0 && markup`<div><dt>traces</dt><dd>${evidence.traces.map((id) => [link(id), ' '])}</dd></div>`}</dl>
<p class="command"><code>${finding.next_command}</code></p>
<details class="query"><summary>Evidence as SQL</summary><pre>${evidence.query}</pre></details>
<p class="note">${finding.id}</p></div></details>
`
}

/** What it costs, in the session and per call, the most telling first. */
function costs(cost: FindingCost): { value: string; what: string }[] {
  const { calls, total_ms, per_call_ms, cpu_ms, tokens, usd, per_call_usd, per_call_tokens } = cost
  const each =
    per_call_ms !== null
      ? duration(per_call_ms)
      : per_call_usd !== null
        ? money(per_call_usd)
        : per_call_tokens === null
          ? null
          : counted(per_call_tokens, 'token')
  return [
    ...(usd === null ? [] : [{ value: money(usd), what: '' }]),
    ...(tokens === null ? [] : [{ value: count(tokens), what: 'tokens' }]),
    ...(total_ms === null ? [] : [{ value: duration(total_ms), what: 'in total' }]),
    ...(each === null || calls < 2 ? [] : [{ value: each, what: 'each' }]),
    ...(cpu_ms === null ? [] : [{ value: duration(cpu_ms), what: 'CPU' }]),
    ...(calls > 0 ? [{ value: `${count(calls)}×`, what: '' }] : []),
  ]
}

function factText(name: string, value: Json): Part {
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(', ')
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value)
  if (name.endsWith('_ms')) return duration(value)
  if (name.endsWith('usd') || name.includes('usd_')) return money(value)
  if (/share|rate/.test(name) && value <= 1) return `${Math.round(value * 1000) / 10} %`
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)))
}
