// The script of the flame graph page that `perf-agent flame --html` writes: one file, no network. Its data is in the page.
import { select } from 'd3-selection'
import flamegraph from 'd3-flame-graph'

interface FlameNode {
  name: string
  value: number
  at?: string
  delta?: number
  children?: FlameNode[]
}

interface PageData {
  tree: FlameNode
  isComparison: boolean
}

interface ShownNode {
  data: FlameNode
  highlight?: boolean
}

const element = (id: string): HTMLElement => document.getElementById(id) as HTMLElement
const { tree, isComparison } = JSON.parse(element('data').textContent ?? '') as PageData
const largestChange = Math.max(1, ...changes(tree))
const area = element('graph')
const isDark = matchMedia('(prefers-color-scheme: dark)')
const details = element('details')
const hint = details.textContent ?? ''

const chart = flamegraph()
  .width(area.clientWidth)
  .cellHeight(20)
  .inverted(true)
  .sort((a: ShownNode, b: ShownNode) => b.data.value - a.data.value)
  .minFrameSize(1)
  .transitionDuration(matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 150)
  .setColorMapper((node: ShownNode) => (node.highlight === true ? 'var(--found)' : colorOf(node.data)))
  .setLabelHandler((node: ShownNode) => describe(node.data))
  .setDetailsHandler((text: string | null) => (details.textContent = text ?? hint))
  .setSearchHandler((_results: unknown, found: number, all: number) => {
    element('found').textContent = `${percent(found, all)} of the CPU time`
  })
  .setSearchMatch((node: ShownNode, term: string) => describe(node.data).toLowerCase().includes(term.toLowerCase()))
const target = select(area).datum(tree)
target.call(chart)

const search = element('search') as HTMLInputElement
search.addEventListener('input', () => {
  if (search.value === '') {
    chart.clear()
    element('found').textContent = ''
  } else chart.search(search.value)
})
element('reset').addEventListener('click', () => chart.resetZoom())
isDark.addEventListener('change', () => chart.update())
addEventListener('resize', () => {
  chart.width(area.clientWidth)
  chart.update()
})

function describe({ name, value, at, delta }: FlameNode): string {
  const change = delta === undefined ? '' : `, ${delta >= 0 ? '+' : '−'}${time(Math.abs(delta))} against the other session`
  return `${name}${at === undefined ? '' : `  ${at}`}  ${time(value)}, ${percent(value, tree.value)}${change}`
}

function time(us: number): string {
  if (us < 1000) return `${us.toFixed(0)} µs`
  return us < 1_000_000 ? `${(us / 1000).toPrecision(3)} ms` : `${(us / 1_000_000).toPrecision(3)} s`
}

function percent(part: number, whole: number): string {
  return whole > 0 ? `${((part / whole) * 100).toFixed(1)} %` : '0 %'
}

/** A hue per origin, a shade per name; red and blue for more and less than in the other session. */
function colorOf({ name, at, delta }: FlameNode): string {
  if (isComparison) {
    const share = Math.min(1, Math.abs(delta ?? 0) / largestChange)
    const strength = Math.round(Math.sqrt(share) * 100)
    return `color-mix(in oklab, var(--${(delta ?? 0) >= 0 ? 'more' : 'less'}) ${strength}%, var(--same))`
  }
  const shade = Math.round((hash(name) % 7) * 4)
  return `color-mix(in oklab, var(--${originOf(at)}), var(--shade) ${shade}%)`
}

function originOf(at: string | undefined): string {
  if (at === undefined) return 'native'
  if (at.startsWith('node:')) return 'node'
  return /(^|[\\/])node_modules[\\/]/.test(at) ? 'package' : 'app'
}

function hash(text: string): number {
  let value = 0
  for (let i = 0; i < text.length; i++) value = (Math.imul(value, 31) + text.charCodeAt(i)) | 0
  return value >>> 0
}

function changes(node: FlameNode): number[] {
  const own = node.at === undefined || node.delta === undefined ? [] : [Math.abs(node.delta)]
  return [...own, ...(node.children ?? []).flatMap(changes)]
}
