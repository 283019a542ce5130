import { ticks } from 'd3-array'
import type { MetricLine, Timeline } from '../../../analysis/timeline.ts'
import { bytes, count, money } from '../format.ts'
import { duration, mark } from './figures.ts'
import { markup, type Markup } from './markup.ts'
import { plot, type Format, type Plot, type Unit } from './plot.ts'

/** How a chart writes its values; the page's script writes them alike. */
const FORMATS: Record<Unit, Format> = {
  ms: mark,
  count: (value) => (Number.isInteger(value) || value >= 100 ? count(value) : String(Number(value.toPrecision(2)))),
  bytes: (value) => (value === 0 ? '0' : bytes(value).replace(/\.0+ /, ' ')),
  share: (value) => `${Number((value * 100).toPrecision(value >= 0.1 ? 3 : 2))}%`,
  usd: money,
  plain: (value) => String(value < 0.005 ? 0 : Number(value.toPrecision(3))),
}

/** What the page's script needs of a chart to say what is under the pointer: everything as it is to be shown. */
export interface ChartData {
  labels: string[]
  series: { name: string; color: string; values: (string | null)[] }[]
}

export interface Charts {
  over_time: Markup[]
  process: Markup[]
  data: Record<string, ChartData>
}

/** Every chart for which there is something to show. */
export function charts(time: Timeline): Charts {
  const work = workCharts(time)
  const process = processCharts(time)
  const data = Object.fromEntries([...work, ...process].map((chart) => [chart.id, dataOf(chart)]))
  const drawn = (all: readonly Plot[]): Markup[] => all.map((chart) => plot(chart, FORMATS[chart.unit]))
  return { over_time: drawn(work), process: drawn(process), data }
}

function dataOf({ labels, series, unit }: Plot): ChartData {
  const shown = (value: number | null): string | null => (value === null ? null : unit === 'ms' ? duration(value) : FORMATS[unit](value))
  return { labels: [...labels], series: series.map(({ name, color, values }) => ({ name, color, values: values.map(shown) })) }
}

function workCharts(time: Timeline): Plot[] {
  const { latency, distribution, ai } = time
  const axis = timeAxis(time.step_ms, time.steps)
  const by = `by ${mark(time.step_ms)}`
  const good = latency.count.map((n, i) => n - (latency.errors[i] ?? 0))
  const base = { ...axis, kind: 'bars' } as const
  const all: Plot[] = [
    {
      ...axis, id: 'latency', title: 'Latency', note: `of ${latency.what}, ${by}`, unit: 'ms', kind: 'lines',
      series: [{ name: 'p99', color: 'c-p99', values: latency.p99_ms }, { name: 'p95', color: 'c-p95', values: latency.p95_ms }, { name: 'p50', color: 'c-p50', values: latency.p50_ms }],
    },
    {
      ...distributionAxis(distribution), id: 'distribution', title: 'Distribution', note: `${latency.what} by duration, logarithmic`, unit: 'count', kind: 'bars',
      series: outcome(distribution.map((bin) => bin.count - bin.errors), distribution.map(({ errors }) => errors)),
    },
    { ...base, id: 'throughput', title: 'Throughput', note: `${latency.what} begun, ${by}`, unit: 'count', series: outcome(good, latency.errors) },
    {
      ...axis, id: 'in-flight', title: 'Outgoing calls under way', note: 'at once, by layer', unit: 'plain', kind: 'stack',
      series: time.in_flight.map(({ layer, values }) => ({ name: layer, color: layerColor(layer), values })),
    },
    ...(ai === null ? [] : [
      { ...base, id: 'tokens', title: 'AI tokens', note: by, unit: 'count', series: [{ name: 'input', color: 'c-in', values: ai.input_tokens }, { name: 'output', color: 'c-out', values: ai.output_tokens }] },
      { ...base, id: 'cost', title: 'AI cost', note: by, unit: 'usd', series: [{ name: 'US dollars', color: 'c-ai', values: ai.usd }] },
    ] satisfies Plot[]),
  ] // prettier-ignore
  return all.filter(hasValues)
}

function processCharts(time: Timeline): Plot[] {
  const axis = timeAxis(time.metric_step_ms, Math.max(1, Math.ceil((time.steps * time.step_ms) / time.metric_step_ms)))
  const { metrics, gc } = time
  const many = new Set(metrics['process.memory.usage'].map(({ process }) => process)).size > 1
  const lines = (own: readonly MetricLine[], what: string, hue: number): Plot['series'] =>
    own.map(({ pid, values }, i) => ({ name: many ? `${what} ${pid}`.trim() : what, color: `c-s${(i * 2 + hue) % 8}`, values }))
  const all: Plot[] = [
    { ...axis, id: 'cpu', title: 'CPU', note: 'of the process, share of all cores', unit: 'share', kind: 'lines', series: lines(metrics['process.cpu.utilization'], many ? '' : 'CPU', 0) },
    {
      ...axis, id: 'memory', title: 'Memory', note: 'resident, and JavaScript heap in use', unit: 'bytes', kind: 'lines',
      series: [...lines(metrics['process.memory.usage'], 'RSS', 0), ...lines(metrics['perf.memory.heap.used'], 'heap', 1)],
    },
    { ...axis, id: 'loop', title: 'Event loop', note: 'share of the time it was busy', unit: 'share', kind: 'lines', series: lines(metrics['nodejs.eventloop.utilization'], many ? '' : 'busy', 0) },
    { ...axis, id: 'delay', title: 'Event-loop delay', note: 'the longest of each interval', unit: 'ms', kind: 'lines', series: lines(metrics['nodejs.eventloop.delay.max'], many ? '' : 'longest', 0) },
    ...(gc === null ? [] : [
      {
        ...axis, id: 'gc', title: 'Garbage collection', note: 'milliseconds per second', unit: 'ms', kind: 'bars',
        series: [{ name: 'minor', color: 'c-s2', values: gc.minor }, { name: 'major', color: 'c-s4', values: gc.major }],
      },
    ] satisfies Plot[]),
  ] // prettier-ignore
  return all.filter(hasValues)
}

const hasValues = ({ series }: Plot): boolean => series.some(({ values }) => values.some((value) => value !== null && value !== 0))

function outcome(good: readonly number[], errors: readonly number[]): Plot['series'] {
  const ok = { name: 'ok', color: 'c-ok', values: good }
  return errors.some((n) => n > 0) ? [ok, { name: 'failed', color: 'c-error', values: errors }] : [ok]
}

/** Class of a layer's colour. */
export function layerColor(layer: string): string {
  return LAYERS.has(layer) ? `c-${layer}` : 'c-other'
}

const LAYERS = new Set(['http', 'db', 'ai', 'tool', 'cache', 'mcp', 'messaging', 'function', 'workflow', 'step', 'node'])

function timeAxis(stepMs: number, steps: number): Pick<Plot, 'axis' | 'labels'> {
  const whole = stepMs * steps
  const unit = whole >= 7_200_000 ? 3_600_000 : whole >= 120_000 ? 60_000 : 1000
  const marks = ticks(0, whole / unit, 5).filter((at) => at * unit <= whole)
  return {
    axis: marks.map((at) => ({ at: (at * unit) / whole, label: mark(at * unit) })),
    labels: Array.from({ length: steps }, (_, i) => `${mark(i * stepMs)} to ${mark((i + 1) * stepMs)}`),
  }
}

function distributionAxis(bins: Timeline['distribution']): Pick<Plot, 'axis' | 'labels'> {
  // Powers of ten, and what lies between where these are few.
  const edges = [1, 2, 8].map((parts) =>
    bins.flatMap(({ from_ms }, i) => (isPower(from_ms, parts) ? [{ at: i / bins.length, label: mark(from_ms) }] : [])),
  )
  return {
    axis: edges.find((marks) => marks.length > 1) ?? edges[2] ?? [],
    labels: bins.map(({ from_ms, to_ms }) => `${mark(from_ms)} to ${mark(to_ms)}`),
  }
}

/** Whether this is a power of ten, or one of so many equal steps on the way to the next. */
const isPower = (value: number, parts: number): boolean =>
  Math.abs(Math.round(Math.log10(value) * parts) - Math.log10(value) * parts) < 1e-6

/** Charts beside each other, as many as fit. */
export const chartGrid = (all: readonly Markup[]): Markup => markup`<div class="charts">${all}</div>`
