import type { PageTrace } from '../../../analysis/page-data.ts'
import type { WaterfallRow } from '../../../analysis/trace-tree.ts'
import { count, counted } from '../format.ts'
import { duration } from './figures.ts'
import { layerColor } from './charts.ts'
import { markup, type Markup } from './markup.ts'

/** Indentation is by class; deeper ones stand where the last one does. */
const DEEPEST = 12

/** A trace of the page: its waterfall as a tree that opens and closes. */
export function traceBlock(trace: PageTrace, isOpen: boolean): Markup {
  const errors = trace.rows.filter(({ status }) => status === 'error').length
  const facts = [
    counted(trace.spans, 'span'),
    ...(errors > 0 ? [`${count(errors)} failed`] : []),
    ...(trace.status === 'open' ? ['not ended'] : []),
    trace.start_time.slice(11, 19),
  ]
  const hasCpu = trace.rows.some(({ cpu_ms }) => cpu_ms !== null)
  return markup`<details class="trace" id="${anchorOf(trace.trace_id)}"${isOpen && markup` open`}>
<summary><b class="time">${duration(trace.duration_ms)}</b><span class="title">${trace.name}</span><span class="note">${facts.join(' · ')} · <code>${trace.trace_id.slice(0, 12)}</code></span></summary>
<table class="waterfall${hasCpu ? ' cpu' : ''}" role="treegrid" aria-label="Waterfall of ${trace.name}">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">span</th><th role="columnheader" scope="col" class="n">time</th>${hasCpu && markup`<th role="columnheader" scope="col" class="n own">own CPU</th>`}<th role="columnheader" scope="col" class="when"><span>0</span><span>${duration(trace.duration_ms / 2)}</span><span>${duration(trace.duration_ms)}</span></th></tr></thead>
<tbody role="rowgroup">${trace.rows.map((row, i) => rowOf(row, trace, hasCpu, (trace.rows[i + 1]?.depth ?? 0) > row.depth))}</tbody></table>
${trace.hidden > 0 && markup`<p class="note">+ ${counted(trace.hidden, 'more span')}: <code>perf-agent trace ${trace.trace_id.slice(0, 12)} --all</code></p>`}</details>
`
}

/** Where a trace is in the page. */
export const anchorOf = (traceId: string): string => `trace-${traceId.slice(0, 16)}`

function rowOf(row: WaterfallRow, { duration_ms: whole }: PageTrace, hasCpu: boolean, hasChildren: boolean): Markup {
  const scale = (ms: number): number => (whole > 0 ? Math.min(100, (ms / whole) * 100) : 0)
  const from = Math.min(99.6, scale(row.offset_ms))
  const length = row.extent_ms === null ? 100 - from : Math.min(100 - from, Math.max(0.4, scale(row.extent_ms)))
  const state = row.status === 'error' ? 'error' : row.extent_ms === null ? 'open' : row.count > 1 ? 'many' : ''
  const time = row.duration_ms === null ? 'open' : duration(row.duration_ms)
  return markup`<tr role="row" aria-level="${row.depth + 1}"${hasChildren && markup` aria-expanded="true"`} data-span="${row.span_id}" data-find>
<td role="gridcell" class="name d${Math.min(row.depth, DEEPEST)}"><i class="${layerColor(row.layer)}" title="${row.layer}"></i><span>${row.name}${row.target !== null && markup` <span class="note">${row.target}</span>`}${row.count > 1 && markup` <span class="times">× ${count(row.count)}</span>`}${row.status === 'error' && markup` <span class="bad">failed</span>`}</span></td>
<td role="gridcell" class="n">${time}</td>${hasCpu && markup`<td role="gridcell" class="n own">${row.cpu_ms === null ? '-' : duration(row.cpu_ms)}</td>`}<td role="gridcell" class="when"><svg class="bar" aria-hidden="true"><rect class="${layerColor(row.layer)} ${state}" x="${from.toFixed(2)}%" width="${length.toFixed(2)}%" y="3" height="10" rx="2"/></svg></td></tr>
`
}
