import { ticks } from 'd3-array'
import { markup, type Markup } from './markup.ts'

// Charts as inline SVG. The plot is stretched to the width there is, with strokes that keep their width; the text of the axes lies
// beside it, in pixels, so that it is as large on a phone as on a wide screen.
//
//   ┌────┬──────────────────────────┐
//   │ y  │ plot, 1000 × 160 stretched│
//   └────┼──────────────────────────┤
//        │ x (positions in percent) │
//        └──────────────────────────┘

/** One line, layer of a stack, or part of the bars. */
export interface Series {
  name: string
  /** Class of its colour: `c-…` of the style sheet. */
  color: string
  values: readonly (number | null)[]
}

export type Unit = 'ms' | 'count' | 'bytes' | 'share' | 'usd' | 'plain'

export interface Plot {
  id: string
  title: string
  /** What is measured, and how. */
  note: string
  unit: Unit
  kind: 'lines' | 'stack' | 'bars'
  series: readonly Series[]
  /** What the axis below says, at shares of its width. */
  axis: readonly { at: number; label: string }[]
  /** What each value's place on the x axis is called. */
  labels: readonly string[]
}

const HEIGHT = 160
const WIDTH = 1000

/** A value as a chart writes it. */
export type Format = (value: number) => string

/** The chart, readable without its script. */
export function plot(chart: Plot, format: Format): Markup {
  const top = highest(chart)
  // Round in the unit that is shown: powers of 1024 for bytes.
  const unit = chart.unit === 'bytes' ? 1024 ** Math.max(0, Math.floor(Math.log2(top / 2) / 10)) : 1
  const marks = ticks(0, top / unit, 3).map((mark) => mark * unit)
  const y = (value: number): number => round(HEIGHT - (value / top) * (HEIGHT - 6))
  const legend = chart.series.length > 1 || chart.kind !== 'lines'
  return markup`<figure class="chart" data-chart="${chart.id}" tabindex="0" role="group" aria-label="${chart.title}: ${summary(chart, format)}">
<figcaption><b>${chart.title}</b> <span class="note">${chart.note}</span>${legend && markup`<span class="key">${chart.series.map(({ name, color }) => markup`<span><i class="${color}"></i>${name}</span>`)}</span>`}</figcaption>
<div class="plot"><svg class="y" width="56" height="${HEIGHT}" aria-hidden="true">${marks.map((mark) => markup`<text x="50" y="${Math.max(10, y(mark) + (mark === 0 ? -2 : 4))}">${format(mark)}</text>`)}</svg>
<svg class="area" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" height="${HEIGHT}" aria-hidden="true">${marks.map((mark) => markup`<path class="grid" d="M0 ${y(mark)}H${WIDTH}"/>`)}${shapes(chart, y)}</svg>
<svg class="x" height="18" aria-hidden="true">${chart.axis.map(({ at, label }) => markup`<text x="${round(at * 100)}%" y="13"${anchor(at)}>${label}</text>`)}</svg></div>
</figure>
`
}

const anchor = (at: number): Markup | false => (at < 0.03 ? markup` class="first"` : at > 0.97 ? markup` class="last"` : false)

function highest({ series, kind }: Plot): number {
  const length = Math.max(0, ...series.map(({ values }) => values.length))
  const tops = Array.from({ length }, (_, i) => {
    const here = series.map(({ values }) => values[i] ?? 0)
    return kind === 'lines' ? Math.max(...here) : here.reduce((sum, value) => sum + value, 0)
  })
  return Math.max(...tops, 0) * 1.05 || 1
}

function shapes(chart: Plot, y: (value: number) => number): Markup[] {
  if (chart.kind === 'lines') return chart.series.map((series) => line(series, y))
  return chart.kind === 'bars' ? bars(chart.series, y) : stack(chart.series, y)
}

/** Measurements with holes: what has a neighbour is joined, what has none is a dot. */
function line({ values, color }: Series, y: (value: number) => number): Markup {
  const step = WIDTH / Math.max(1, values.length)
  let path = ''
  let dots = ''
  let pen = false
  const known = values.map((value, i) => ({ value, i })).filter((point): point is { value: number; i: number } => point.value !== null)
  // Where most intervals are empty the line goes on over the holes.
  const reach = Math.max(2, Math.ceil((values.length / Math.max(1, known.length)) * 1.5))
  for (const [k, { value, i }] of known.entries()) {
    const near = (other: number | undefined): boolean => other !== undefined && Math.abs(other - i) <= reach
    const x = round((i + 0.5) * step)
    pen = near(known[k - 1]?.i)
    path += `${pen ? 'L' : 'M'}${x} ${y(value)}`
    if (!pen && !near(known[k + 1]?.i)) dots += `M${x} ${y(value)}h0`
  }
  return markup`<path class="line ${color}" d="${path}"/>${dots !== '' && markup`<path class="dot ${color}" d="${dots}"/>`}`
}

function stack(series: readonly Series[], y: (value: number) => number): Markup[] {
  const floors: number[] = []
  return series.map(({ values, color }) => {
    const step = WIDTH / Math.max(1, values.length)
    const below = values.map((_, i) => floors[i] ?? 0)
    values.forEach((value, i) => (floors[i] = (floors[i] ?? 0) + (value ?? 0)))
    // Steps: an interval has one value.
    const edge = (heights: readonly number[]): string[] =>
      heights.map((height, i) => `${round(i * step)} ${y(height)}L${round((i + 1) * step)} ${y(height)}`)
    const back = below.map((height, i) => `${round((i + 1) * step)} ${y(height)}L${round(i * step)} ${y(height)}`).reverse()
    return markup`<path class="fill ${color}" d="M${[...edge(floors.slice(0, values.length)), ...back].join('L')}Z"/>`
  })
}

function bars(series: readonly Series[], y: (value: number) => number): Markup[] {
  const floors: number[] = []
  return series.map(({ values, color }) => {
    const step = WIDTH / Math.max(1, values.length)
    const gap = Math.min(4, step * 0.2)
    const rects = values.map((value, i) => {
      const from = floors[i] ?? 0
      floors[i] = from + (value ?? 0)
      if (value === null || value === 0) return ''
      const height = Math.max(from === 0 ? 1.5 : 0.5, y(from) - y(from + value))
      return `M${round(i * step + gap / 2)} ${round(y(from) - height)}h${round(step - gap)}v${round(height)}h${round(gap - step)}z`
    })
    return markup`<path class="fill ${color}" d="${rects.join('')}"/>`
  })
}

/** What the chart shows in a sentence, for those who cannot see it. */
function summary({ series, labels }: Plot, format: Format): string {
  return series
    .map(({ name, values }) => {
      const known = values.filter((value) => value !== null)
      if (known.length === 0) return `${name} not measured`
      const most = Math.max(...known)
      return `${name} ${format(Math.min(...known))} to ${format(most)}, highest at ${labels[values.indexOf(most)] ?? ''}`
    })
    .join('; ')
}

const round = (value: number): number => Math.round(value * 10) / 10
