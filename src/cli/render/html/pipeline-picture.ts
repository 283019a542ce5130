import type { Pipeline, Stage } from '../../../analysis/ai/pipelines.ts'
import { pipelineFlow } from '../ai/pipeline-svg.ts'
import { bytes, count, counted, money } from '../format.ts'
import { layerColor } from './charts.ts'
import { failed, layerTag, number, percent, text } from './columns.ts'
import { dataTable, type Column } from './data-table.ts'
import { duration } from './figures.ts'
import { markup, type Part } from './markup.ts'

/** A pipeline as a picture of its flow, and its stages as a table. */
export function pipelinePicture(data: Pipeline, index: number): Part {
  const whole = Math.max(data.p50_ms, ...data.stages.map(({ end_ms }) => end_ms), 1e-9)
  const rows = data.stages.flatMap(flat)
  const at: Column<Stage> = {
    head: 'when in the run',
    cell: ({ start_ms, end_ms, layer }) =>
      markup`<svg class="lane" role="img" aria-label="from ${duration(start_ms)} to ${duration(end_ms)}"><rect class="${layerColor(layer)}" x="${((start_ms / whole) * 100).toFixed(1)}%" width="${Math.max(0.6, ((end_ms - start_ms) / whole) * 100).toFixed(1)}%" y="4" height="10" rx="2"/></svg>`,
  }
  const title = `Pipeline ${data.name}: ${counted(data.runs, 'run')}, p50 ${duration(data.p50_ms)}, p95 ${duration(data.p95_ms)}`
  return [
    markup`<h3 class="caption">${title}</h3>
<div class="scroll picture" tabindex="0" role="region" aria-label="Flow of ${data.name}">${{ markup: pipelineFlow(data, `flow-tip-${index}`) }}</div>`,
    dataTable<Stage>(
      `Stages of ${data.name}`,
      [
        text('stage', (row) => markup`<span class="stage s${Math.min(row.depth, 4)}">${layerTag(row.layer)} ${row.name}</span>`),
        at,
        number('p50', (row) => row.p50_ms, duration),
        number('p95', (row) => row.p95_ms, duration),
        number('share', (row) => row.share, percent, 'of the whole time'),
        number('calls', (row) => row.calls, count),
        text('in → out', (row) => (row.in_bytes === null && row.out_bytes === null ? '-' : `${row.in_bytes === null ? '?' : bytes(row.in_bytes)} → ${row.out_bytes === null ? '?' : bytes(row.out_bytes)}`)),
        number('cost', (row) => row.cost_usd, money),
        failed(),
      ],
      rows,
    ),
  ] // prettier-ignore
}

const flat = (stage: Stage): Stage[] => [stage, ...stage.children.flatMap(flat)]
