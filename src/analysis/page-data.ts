import type { Json } from '@duckdb/node-api'
import type { SessionReader } from '../store/query.ts'
import { aiReport, type AiReport } from './ai/ai-report.ts'
import { pipelineOf, type Pipeline } from './ai/pipelines.ts'
import type { KeptQuality } from './scoring/kept-quality.ts'
import { scoreReport } from './scoring/score-report.ts'
import { loadFlame } from './cpu/flame-data.ts'
import { flameTree, type FlameNode } from './cpu/flame-tree.ts'
import { buildReport, type ReportData } from './report.ts'
import { timeline, type Timeline } from './timeline.ts'
import { firstRows, TRACE_HEAD, type TraceHead, type WaterfallRow } from './trace-tree.ts'

/** A trace with its waterfall. */
export interface PageTrace extends TraceHead {
  /** Spans no row stands for. */
  hidden: number
  /** Here for a finding, not for its duration. */
  is_sample: boolean
  rows: WaterfallRow[]
}

/** Everything the HTML report shows. */
export interface PageData {
  report: ReportData
  /** Null when nothing was recorded. */
  timeline: Timeline | null
  /** The slowest of each name, then those that findings point at. */
  traces: PageTrace[]
  /** Attributes of the spans in `traces` by span id, cut. */
  attributes: Record<string, Record<string, string>>
  /** Null without AI calls; `quality`: by the scores the session holds already. */
  ai: { report: AiReport; pipelines: Pipeline[]; quality: KeptQuality | null } | null
  /** Null without a CPU profile. `left_out`: frames too narrow to have room in the page. */
  flame: { tree: FlameNode; left_out: number } | null
}

const SLOWEST = 8
const OF_ONE_NAME = 2
const OF_FINDINGS = 8
/** Rows of one waterfall: 16 traces of 120 rows are about a megabyte of page. */
const MAX_ROWS = 120
const MAX_FRAMES = 4000
const MAX_PIPELINES = 3
const MAX_ATTRIBUTES = 24
const MAX_VALUE = 300

/** Reads what `perf-agent report --html` shows, bounded whatever the size of the session. */
export async function buildPage(reader: SessionReader, options: { limit: number }): Promise<PageData> {
  const report = await buildReport(reader, { limit: options.limit })
  const traces = await pageTraces(reader, report)
  return {
    report,
    timeline: await timeline(reader),
    traces,
    attributes: await attributesOf(reader, traces),
    ai: report.ai_glance === null ? null : await aiOf(reader, report.ai_glance.quality, options.limit),
    flame: report.cpu === null ? null : await flameOf(reader),
  }
}

async function pageTraces(reader: SessionReader, { findings }: ReportData): Promise<PageTrace[]> {
  const select = `SELECT ${TRACE_HEAD} FROM traces`
  const slowest = await reader.rows<TraceHead>(
    `${select} QUALIFY row_number() OVER (PARTITION BY name ORDER BY duration_ms DESC, trace_id) <= ${OF_ONE_NAME} ORDER BY duration_ms DESC, trace_id LIMIT ${SLOWEST}`,
  )
  const known = new Set(slowest.map(({ trace_id }) => trace_id))
  const wanted = [...new Set(findings.flatMap(({ evidence }) => evidence.traces.slice(0, 1)))]
    .filter((id) => !known.has(id))
    .slice(0, OF_FINDINGS)
  const keys = wanted.map((id) => `${BigInt(`0x${id}`)}`).join(', ')
  const found = wanted.length === 0 ? [] : await reader.rows<TraceHead>(`${select} WHERE trace_key IN (${keys}) ORDER BY duration_ms DESC, trace_id`) // prettier-ignore
  const traces: PageTrace[] = []
  for (const trace of [...slowest, ...found])
    traces.push({ ...trace, ...(await firstRows(reader, trace, MAX_ROWS)), is_sample: found.includes(trace) })
  return traces
}

async function attributesOf(reader: SessionReader, traces: readonly PageTrace[]): Promise<PageData['attributes']> {
  const ids = [...new Set(traces.flatMap(({ rows }) => rows.map(({ span_id }) => span_id)))]
  if (ids.length === 0) return {}
  const keys = ids.map((id) => `${BigInt(`0x${id}`)}`).join(', ')
  const rows = await reader.rows<{
    span_id: string
    attributes: Record<string, Json> | null
    error_type: string | null
    message: string | null
  }>(
    `SELECT s.span_id, s.attributes, s.error_type, e.message FROM spans s LEFT JOIN
       (SELECT span_id, min(attributes->>'exception.message') AS message FROM events WHERE name = 'exception' GROUP BY span_id) e ON e.span_id = s.span_id AND s.status = 'error'
     WHERE s.span_key IN (${keys})`,
  )
  return Object.fromEntries(
    rows.map(({ span_id, attributes, error_type, message }) => {
      const own = { ...(error_type === null ? {} : { 'error.type': error_type }), ...(message === null ? {} : { 'exception.message': message }), ...attributes } // prettier-ignore
      return [
        span_id,
        Object.fromEntries(
          Object.entries(own)
            .slice(0, MAX_ATTRIBUTES)
            .map(([name, value]) => [name, cut(value)]),
        ),
      ]
    }),
  )
}

function cut(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text
}

async function aiOf(reader: SessionReader, kept: KeptQuality | null, limit: number): Promise<PageData['ai']> {
  const report = await aiReport(reader, limit)
  const pipelines: Pipeline[] = []
  for (const { name } of report.pipelines.slice(0, MAX_PIPELINES)) {
    const found = await pipelineOf(reader, name)
    if (found !== undefined) pipelines.push(found)
  }
  const scores = kept === null ? undefined : await scoreReport(reader, limit)
  return { report, pipelines, quality: kept === null || scores === undefined ? null : { ...kept, scores } }
}

async function flameOf(reader: SessionReader): Promise<PageData['flame']> {
  const whole = flameTree(await loadFlame(reader, {}))
  const all = sizesOf(whole).sort((a, b) => b - a)
  // The narrowest frame that still has room in the page.
  const least = Math.max(1, all[MAX_FRAMES] ?? 0)
  const tree = pruned(whole, least)
  return { tree, left_out: all.length - sizesOf(tree).length }
}

function sizesOf(node: FlameNode): number[] {
  const sizes: number[] = []
  const stack = [node]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    sizes.push(next.value)
    stack.push(...next.children)
  }
  return sizes
}

function pruned(node: FlameNode, least: number): FlameNode {
  return { ...node, children: node.children.filter((child) => child.value > least).map((child) => pruned(child, least)) }
}
