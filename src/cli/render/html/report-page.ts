import type { PageData } from '../../../analysis/page-data.ts'
import type { ReportData } from '../../../analysis/report.ts'
import { count, counted } from '../format.ts'
import { duration } from './figures.ts'
import { gapLines } from '../report-gaps.ts'
import { aiSection } from './ai-tables.ts'
import { chartGrid, charts } from './charts.ts'
import { findingCards } from './findings.ts'
import { flameLegend } from './flame-legend.ts'
import { pageHead } from './head.ts'
import { jsonInScript, markup, type Markup, type Part } from './markup.ts'
import { pageScript, pageStart } from './page-script.ts'
import { REPORT_STYLE } from './report-style.ts'
import * as processTables from './process-tables.ts'
import * as tables from './tables.ts'
import { anchorOf, traceBlock } from './traces.ts'

/** The report as one HTML file that needs nothing else: no network, and for reading it no script. */
export function reportPage(data: PageData): string {
  const { report } = data
  const script = pageScript('report-page')
  const drawn = data.timeline === null ? undefined : charts(data.timeline)
  const embedded = { charts: drawn?.data ?? {}, attributes: data.attributes, flame: data.flame?.tree ?? null }
  const sections = sectionsOf(data, drawn).filter(({ body }) => !isEmpty(body))
  const title = `${report.session.service ?? report.session.name} · perf-agent report`
  const generator = markup`<meta name="generator" content="perf-agent ${report.session.agent ?? ''}">\n`
  const page = markup`${raw(pageStart({ title, style: REPORT_STYLE, script, more: generator.markup }))}
<a class="skip" href="#main">Skip to the report</a>
<div class="layout">
<nav aria-label="Sections"><div class="brand">perf-agent</div><ul>${sections.map(({ id, title, badge }) => markup`<li><a href="#${id}">${title}${badge !== undefined && markup` <span class="badge">${badge}</span>`}</a></li>`)}</ul></nav>
<div class="page">
${pageHead(data)}
<main id="main" tabindex="-1">
${sections.map(
  ({
    id,
    title,
    about,
    body,
  }) => markup`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${about !== undefined && markup`<p class="about">${about}</p>`}
${body}</section>
`,
)}
</main>
<footer><p>${report.session.name}, recorded by @perf/agent ${report.session.agent ?? ''}. <span class="js">Keys: <kbd>/</kbd> find, <kbd>↑</kbd> <kbd>↓</kbd> <kbd>←</kbd> <kbd>→</kbd> move in a waterfall, a chart or the flame graph, <kbd>Enter</kbd> opens, <kbd>Esc</kbd> leaves.</span></p></footer>
</div></div>
<div id="tip" role="status" hidden></div>
<script id="data" type="application/json">${raw(jsonInScript(embedded))}</script>
<script>${raw(script)}</script>
</body>
</html>
`
  return page.markup
}

/** Text that is not to be escaped: ours, or made safe for where it stands. */
const raw = (text: string): Markup => ({ markup: text })

interface Section {
  id: string
  title: string
  about?: Part
  badge?: string
  body: Part
}

function sectionsOf(data: PageData, drawn: ReturnType<typeof charts> | undefined): Section[] {
  const { report } = data
  const shown = new Set(data.traces.map(({ trace_id }) => trace_id))
  const link = (id: string | null): Part =>
    id === null
      ? '-'
      : shown.has(id)
        ? markup`<a href="#${anchorOf(id)}"><code>${id.slice(0, 8)}</code></a>`
        : markup`<code title="perf-agent trace ${id.slice(0, 12)}">${id.slice(0, 8)}</code>`
  const flame = data.flame
  return [
    ...(report.totals.spans === 0 ? [] : [{ id: 'findings', title: 'What to change', badge: count(report.findings.length), body: findingCards(report.findings, link) }]),
    { id: 'time', title: 'Over time', about: `From ${report.session.started_at?.replace('T', ' ').slice(0, 19) ?? 'the start'} UTC on, for ${duration(report.session.duration_ms)}.`, body: drawn !== undefined && drawn.over_time.length > 0 && chartGrid(drawn.over_time) },
    { id: 'layers', title: 'Where the time went', body: tables.layers(report.layers) },
    { id: 'names', title: 'By name', about: `The ${report.names.length} names with the most self time: time that no child covers.`, body: tables.names(report.names) },
    { id: 'traces', title: 'Slowest traces', about: 'At most two of a name.', body: tracesSection(data) },
    { id: 'endpoints', title: 'Endpoints', body: tables.endpoints(report.endpoints) },
    { id: 'queries', title: 'Queries', about: 'The slowest statements, at p95.', body: tables.queries(report.queries) },
    { id: 'ai', title: 'AI calls', about: 'Scores and one conversation at a time: perf-agent report --ai, --conversation <id>.', body: data.ai !== null && aiSection(data.ai, link) },
    { id: 'caches', title: 'Caches', body: tables.cacheTable(report.caches) },
    { id: 'errors', title: 'Errors', ...(report.totals.errors > 0 ? { badge: count(report.totals.errors) } : {}), body: tables.errors(report.errors, link) },
    { id: 'cpu', title: 'CPU', about: report.cpu === null ? undefined : cpuFacts(report.cpu), body: flame !== null && flameSection(report, flame.left_out) },
    { id: 'process', title: 'Process', body: [drawn !== undefined && drawn.process.length > 0 && chartGrid(drawn.process), processTables.memory(report.memory), processTables.stalls(report.loop?.stalls ?? [], link), processTables.collections(report.loop?.gc ?? []), report.processes.length > 1 && processTables.processes(report.processes)] },
    { id: 'heap', title: 'Heap', body: [processTables.growth(report.heap.growth), processTables.allocations(report.heap.allocations.sites)] },
    { id: 'tasks', title: 'Pending tasks', body: processTables.tasks(report.tasks?.tasks ?? []) },
    { id: 'logs', title: 'Logs', body: report.logs !== null && [markup`<p>${report.logs.levels.map(({ level, count: n }) => `${count(n)} ${level ?? 'without a level'}`).join(', ')}</p>`, processTables.logLines(report.logs.failing, link)] },
    { id: 'open', title: 'Not ended', body: processTables.openSpans(report.open) },
    { id: 'gaps', title: 'Not in this report', body: gapsSection(data) },
  ] // prettier-ignore
}

function cpuFacts({ totals }: NonNullable<ReportData['cpu']>): string {
  const part = (us: number): string => (totals.us > 0 ? `${Math.round((us / totals.us) * 100)} %` : '0 %')
  return `${duration(totals.us / 1000)} of CPU sampled every ${duration(totals.intervalUs / 1000)}: ${part(totals.inSpans)} in spans, ${part(totals.outside)} outside of any, ${part(totals.gc)} collecting garbage.`
}

function flameSection(report: ReportData, leftOut: number): Part {
  return [
    markup`<div class="flame js"><div class="tools"><button type="button" id="flame-reset">Reset zoom</button><span class="note" id="flame-found"></span>${flameLegend(false)}</div>
<div id="flame" tabindex="0" role="application" aria-label="Flame graph. Arrows move between frames, Enter zooms in, Escape zooms out." aria-describedby="flame-details"></div>
<p id="flame-details" role="status">Wide is costly. Point at a function to see its time, click to zoom in.</p>
${leftOut > 0 && markup`<p class="note">Left out: ${counted(leftOut, 'frame')} too narrow to be seen; all of them: <code>perf-agent flame --html</code></p>`}</div>`,
    report.cpu !== null && processTables.functions(report.cpu.functions),
  ]
}

function tracesSection({ traces }: PageData): Part {
  const samples = traces.filter(({ is_sample }) => is_sample)
  return [
    traces.filter(({ is_sample }) => !is_sample).map((trace, i) => traceBlock(trace, i === 0)),
    samples.length > 0 && [markup`<h3>Others the findings point at</h3>`, samples.map((trace) => traceBlock(trace, false))],
  ]
}

function gapsSection({ report }: PageData): Part {
  const lines = gapLines(report.gaps)
  const cut = 'Tables show the first rows of each kind (--limit shows more), waterfalls the first 120 rows.'
  return [
    lines.length === 0
      ? markup`<p>Nothing was dropped, and every known library that was loaded was instrumented.</p>`
      : markup`<ul>${lines.map((line) => markup`<li data-find>${line}</li>`)}</ul>`,
    markup`<p class="note">${cut} Everything is in the session: <code>perf-agent sql</code>, <code>perf-agent trace</code>.</p>`,
  ]
}

function isEmpty(body: Part): boolean {
  if (Array.isArray(body)) return body.every((part: Part) => isEmpty(part))
  return body === null || body === undefined || body === false || body === ''
}
