import { columnsOf } from '../../../analysis/ai/pipeline-columns.ts'
import type { Pipeline, Stage } from '../../../analysis/ai/pipelines.ts'
import { counted, duration, money, share } from '../format.ts'
import { withoutControls } from '../table.ts'
import { sizes } from './pipeline-text.ts'

const BOX = 216
const GAP = 44
const LINE = 18
const MARGIN = 24
const HEAD = 72
const SPACE = 14
/** Columns in a row; the flow goes on in the next row. */
const PER_ROW = 5
/** Stages below a stage that are listed in its box. */
const MOST_CHILDREN = 6
const CHARS = 29

interface Box {
  stage: Stage
  x: number
  y: number
  height: number
}

/**
 * The pipeline as an SVG file that needs nothing else: boxes from left to right in the order of the flow, above each other what runs at the
 * same time, and a time line of the median run below. Light or dark as the viewer prefers.
 */
export function pipelineSvg(pipeline: Pipeline): string {
  const { columns, width, bottom } = layout(columnsOf(pipeline.stages), HEAD + MARGIN)
  const lanes = timeLine(pipeline, bottom + 34, width)
  const facts = factsOf(pipeline)
  return svg({
    pipeline,
    width,
    height: lanes.bottom + MARGIN,
    attributes: ' xmlns="http://www.w3.org/2000/svg"',
    parts: [
      `<title>${escape(pipeline.name)}</title>`,
      `<style>${COLORS}${PIPELINE_STYLE}</style>`,
      marker('tip'),
      `<rect class="paper" width="${width}" height="${lanes.bottom + MARGIN}"/>`,
      `<text class="title" x="${MARGIN}" y="${MARGIN + 14}">${escape(pipeline.name)}</text>`,
      `<text class="dim" x="${MARGIN}" y="${MARGIN + 34}">${escape(facts)}</text>`,
      ...flow(columns, 'tip'),
      lanes.text,
    ],
  })
}

/** The boxes alone, to stand in a page with `PIPELINE_STYLE` and the colours it takes; `id` is one of its own in that page. */
export function pipelineFlow(pipeline: Pipeline, id: string): string {
  const { columns, width, bottom } = layout(columnsOf(pipeline.stages), 4)
  return svg({ pipeline, width, height: bottom + 4, attributes: '', parts: [marker(id), ...flow(columns, id)] })
}

function svg(of: { pipeline: Pipeline; width: number; height: number; attributes: string; parts: readonly string[] }): string {
  const { pipeline, width, height, attributes, parts } = of
  return `<svg${attributes} class="pipeline" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(`Pipeline ${pipeline.name}: ${factsOf(pipeline)}`)}">
${parts.join('\n')}
</svg>
`
}

function factsOf({ runs, p50_ms, p95_ms, errors, between_ms }: Pipeline): string {
  const failed = errors === 0 ? 'no errors' : counted(errors, 'error')
  return `${counted(runs, 'run')} · p50 ${duration(p50_ms)} · p95 ${duration(p95_ms)} · ${failed} · ${duration(between_ms)} in no stage`
}

const marker = (id: string): string =>
  `<defs><marker id="${id}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" class="tip"/></marker></defs>`

const flow = (columns: readonly Box[][], tip: string): string[] => [
  ...columns.flatMap((boxes, i) => arrows(boxes, columns[i + 1], tip)),
  ...columns.flat().map((box) => drawBox(box)),
]

const COLORS = `
.pipeline{--paper:#fff;--box:#f6f8fa;--edge:#8c959f;--text:#1f2328;--dim:#59636e;--error:#cf222e;--workflow:#8250df;--step:#0969da;--node:#0a7d8c;--tool:#9a6700;--ai:#1a7f37}
@media (prefers-color-scheme: dark){.pipeline{--paper:#0d1117;--box:#161b22;--edge:#6e7681;--text:#e6edf3;--dim:#9198a1;--error:#ff7b72;
--workflow:#bc8cff;--step:#58a6ff;--node:#39c5cf;--tool:#d29922;--ai:#3fb950}}`

/** How the parts of a picture look. It takes `--paper`, `--box`, `--edge`, `--text`, `--dim`, `--error` and a colour for each layer. */
export const PIPELINE_STYLE = [
  'text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--text)}',
  '.title{font-size:17px;font-weight:600}', '.name{font-weight:600}', '.dim{fill:var(--dim)}', '.small{font-size:12px}', '.end{text-anchor:end}',
  '.error{fill:var(--error)}', '.paper{fill:var(--paper)}', '.box{fill:var(--box);stroke:var(--edge)}', '.flow{fill:none;stroke:var(--edge);stroke-width:1.5}',
  '.tip{fill:var(--edge)}', '.track{fill:var(--box)}', ...['workflow', 'step', 'node', 'tool', 'ai'].map((layer) => `.${layer}{fill:var(--${layer})}`),
].map((rule) => `.pipeline ${rule}`).join('\n') // prettier-ignore

function layout(columns: readonly Stage[][], from: number): { columns: Box[][]; width: number; bottom: number } {
  const placed: Box[][] = []
  let top = from
  let bottom = top
  for (const [i, stages] of columns.entries()) {
    const inRow = i % PER_ROW
    if (inRow === 0 && i > 0) top = bottom + 2 * SPACE + 12
    let y = top
    placed.push(
      stages.map((stage) => {
        const box = { stage, x: MARGIN + inRow * (BOX + GAP), y, height: boxHeight(stage) }
        y += box.height + SPACE
        return box
      }),
    )
    bottom = Math.max(bottom, y - SPACE)
  }
  const widest = Math.min(PER_ROW, Math.max(1, columns.length))
  return { columns: placed, width: Math.max(560, 2 * MARGIN + widest * BOX + (widest - 1) * GAP), bottom }
}

const listed = (stage: Stage): Stage[] => stage.children.slice(0, MOST_CHILDREN)
const hasMore = (stage: Stage): boolean => stage.children.length > MOST_CHILDREN

function boxHeight(stage: Stage): number {
  const lines = 2 + notesOf(stage).length + listed(stage).length + (hasMore(stage) ? 1 : 0)
  return 22 + lines * LINE + (stage.children.length > 0 ? 8 : 0)
}

/** Lines below the time: sizes, calls, cost, errors; only what there is. */
function notesOf(stage: Stage): { text: string; kind: string }[] {
  const flow = sizes({ unicode: true }, stage)
  const more = [
    stage.calls > stage.runs ? `${(stage.calls / stage.runs).toFixed(1)} calls a run` : '',
    stage.cost_usd === null ? '' : money(stage.cost_usd),
  ].filter((text) => text !== '')
  return [
    ...(flow === '' ? [] : [{ text: flow, kind: 'dim' }]),
    ...(more.length === 0 ? [] : [{ text: more.join(' · '), kind: 'dim' }]),
    ...(stage.errors === 0 ? [] : [{ text: counted(stage.errors, 'error'), kind: 'error' }]),
  ]
}

function drawBox({ stage, x, y, height }: Box): string {
  let line = y + 24
  const next = (): number => (line += LINE)
  const parts = [
    `<rect class="box" x="${x}" y="${y}" width="${BOX}" height="${height}" rx="8"/>`,
    `<rect class="${layerClass(stage)}" x="${x}" y="${y + 10}" width="4" height="${height - 20}" rx="2"/>`,
    `<text class="name" x="${x + 16}" y="${line}">${escape(short(stage.name, CHARS - 4))}<title>${escape(stage.path.join(' > '))}</title></text>`,
    `<text x="${x + 16}" y="${next()}">${duration(stage.p50_ms)}<tspan class="dim"> · ${escape(share(stage.share, 1))} of the time</tspan></text>`,
    ...notesOf(stage).map(({ text, kind }) => `<text class="${kind} small" x="${x + 16}" y="${next()}">${escape(text)}</text>`),
  ]
  if (stage.children.length > 0) line += 8
  for (const child of listed(stage)) {
    const at = next()
    parts.push(
      `<rect class="${layerClass(child)}" x="${x + 16}" y="${at - 9}" width="8" height="8" rx="2"/><text class="small" x="${x + 30}" y="${at}">${escape(short(child.name, 18))}</text>`,
      `<text class="small dim end" x="${x + BOX - 12}" y="${at}">${duration(child.p50_ms)}</text>`,
    )
  }
  if (hasMore(stage))
    parts.push(`<text class="small dim" x="${x + 30}" y="${next()}">+ ${stage.children.length - MOST_CHILDREN} more</text>`)
  return parts.join('\n')
}

/** From every box of a column to every box of the next one; round the end of a row. */
function arrows(from: readonly Box[], to: readonly Box[] | undefined, tip: string): string[] {
  return from.flatMap((a) =>
    (to ?? []).map((b) => {
      const [x1, y1, x2, y2] = [a.x + BOX, a.y + a.height / 2, b.x, b.y + b.height / 2]
      const turn = b.x <= a.x ? b.y - SPACE - 6 : undefined
      const path =
        turn === undefined
          ? `M${x1} ${y1} C${x1 + GAP / 2} ${y1} ${x2 - GAP / 2} ${y2} ${x2 - 2} ${y2}`
          : `M${a.x + BOX / 2} ${a.y + a.height} V${turn} H${b.x + BOX / 2} V${b.y - 2}`
      return `<path class="flow" marker-end="url(#${tip})" d="${path}"/>`
    }),
  )
}

/** When each stage goes on in the median run. */
function timeLine(pipeline: Pipeline, top: number, width: number): { text: string; bottom: number } {
  const names = 180
  const room = width - 2 * MARGIN - names - 64
  const whole = Math.max(pipeline.p50_ms, ...pipeline.stages.map((stage) => stage.end_ms), 1e-9)
  const rows = pipeline.stages.slice(0, 24)
  const text = rows.map((stage, i) => {
    const y = top + 8 + i * 24
    const from = (stage.start_ms / whole) * room
    const length = Math.max(2, ((stage.end_ms - stage.start_ms) / whole) * room)
    return `<text class="small" x="${MARGIN}" y="${y + 12}">${escape(short(stage.name, 26))}</text><rect class="track" x="${MARGIN + names}" y="${y}" width="${room}" height="16" rx="3"/>
<rect class="${layerClass(stage)}" x="${(MARGIN + names + from).toFixed(1)}" y="${y}" width="${length.toFixed(1)}" height="16" rx="3"/>
<text class="small dim end" x="${width - MARGIN}" y="${y + 12}">${duration(stage.end_ms - stage.start_ms)}</text>`
  })
  return {
    text: `<text class="dim small" x="${MARGIN}" y="${top - 4}">The median run, ${duration(pipeline.p50_ms)}</text>\n${text.join('\n')}`,
    bottom: top + 8 + rows.length * 24,
  }
}

const layerClass = ({ layer }: Stage): string => (['workflow', 'step', 'node', 'tool', 'ai'].includes(layer) ? layer : 'step')
const short = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`)
const escape = (text: string): string => withoutControls(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
