import type { PageData } from '../../../analysis/page-data.ts'
import { bytes, count, counted, money, share } from '../format.ts'
import { duration } from './figures.ts'
import { markup, type Markup, type Part } from './markup.ts'

/** The top of the page: what ran, and its figures at a glance. */
export function pageHead(data: PageData): Markup {
  const { session, totals } = data.report
  const facts = [
    session.started_at?.replace('T', ' ').slice(0, 19).concat(' UTC'),
    session.duration_ms > 0 ? duration(session.duration_ms) : undefined,
    session.node === null ? undefined : `Node ${session.node.replace(/^v/, '')}`,
    session.git_commit === null ? undefined : `commit ${session.git_commit.slice(0, 8)}`,
    counted(totals.processes, 'process'),
  ].filter((fact) => fact !== undefined)
  return markup`<header>
<div class="top"><h1>${session.service ?? session.name} <span class="state state-${session.state.replace(/[^a-z]/g, '')}">${session.state}</span></h1>
<div class="tools js"><input type="search" id="find" placeholder="Find  /" aria-label="Find in the report" autocomplete="off" spellcheck="false"><span id="found" role="status"></span><button type="button" id="theme" aria-label="Light or dark">◐</button></div></div>
<p class="about">${facts.join(' · ')}</p>
${session.command.length > 0 && markup`<p class="about"><code>${session.command.map((part, i) => (i < 2 ? (part.split(/[\\/]/).at(-1) ?? part) : part)).join(' ')}</code></p>`}
${session.problem !== null && markup`<p class="problem">Note: ${session.problem}.</p>`}
${totals.spans === 0 && markup`<p class="problem">Nothing was recorded${session.state === 'live' ? ' yet' : ''}. Why: <code>perf-agent doctor</code></p>`}
<div class="tiles">${tiles(data).map(({ title, value, more, tone }) => markup`<div class="tile${tone !== undefined && ` tone-${tone}`}"><span>${title}</span><b>${value}</b><small>${more}</small></div>`)}</div>
</header>
`
}

interface Tile {
  title: string
  value: string
  more: Part
  tone?: 'bad'
}

function tiles({ report, timeline }: PageData): Tile[] {
  const { totals, session, caches, loop, memory } = report
  if (timeline === null) return []
  const { latency, overall } = timeline
  const done = latency.count.reduce((sum, n) => sum + n, 0)
  const failed = latency.errors.reduce((sum, n) => sum + n, 0)
  const seconds = session.duration_ms / 1000
  const peak = Math.max(0, ...memory.map(({ rss_peak }) => rss_peak))
  const read = caches.filter(({ input_tokens }) => input_tokens === null)
  const reads = read.reduce((sum, { hits, misses }) => sum + hits + misses, 0)
  return [
    { title: latency.what === 'requests' ? 'Requests' : 'Traces', value: count(done), more: seconds > 1 ? `${perSecond(done / seconds)} per second` : counted(totals.spans, 'span') },
    { title: 'Median', value: duration(overall.p50_ms), more: `p95 ${duration(overall.p95_ms)}, p99 ${duration(overall.p99_ms)}` },
    { title: 'Failed', value: count(failed), more: done > 0 ? `${share(failed, done)} of ${latency.what}, ${counted(totals.errors, 'span')}` : '', ...(failed > 0 ? { tone: 'bad' as const } : {}) },
    ...(timeline.ai === null ? [] : [{ title: 'AI', value: money(totals.cost_usd), more: `${count(totals.input_tokens)} + ${counted(totals.output_tokens, 'token')}` }]),
    ...(reads === 0 ? [] : [{ title: 'Cache hits', value: share(read.reduce((sum, { hits }) => sum + hits, 0), reads), more: `of ${counted(reads, 'read')}` }]),
    ...(loop?.utilization === null || loop === null ? [] : [{ title: 'Event loop', value: share(loop.utilization, 1), more: loop.delay_max_ms === null ? 'busy' : `busy, ${duration(loop.delay_max_ms)} delay at most` }]),
    ...(peak === 0 ? [] : [{ title: 'Memory', value: bytes(peak), more: 'resident, at its peak' }]),
  ] // prettier-ignore
}

const perSecond = (rate: number): string => (rate >= 10 ? count(rate) : String(Number(rate.toPrecision(2))))
