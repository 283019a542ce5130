// The flame graph of `flame --html` and `report --html`: d3-flame-graph with our colours, and a way to walk it with the keyboard.
import { select } from 'd3-selection'
import flamegraph from 'd3-flame-graph'

/** A frame; values are microseconds. */
export interface FlameNode {
  name: string
  value: number
  /** File and line. */
  at?: string
  /** Against the other session of a comparison. */
  delta?: number
  children?: FlameNode[]
}

/** Where the graph is drawn and what it tells. */
export interface FlameOptions {
  area: HTMLElement
  tree: FlameNode
  isComparison: boolean
  /** Says what a frame is; `undefined`: none. */
  onDetails(text: string | undefined): void
  /** Says which share of the time a search found. */
  onFound(text: string): void
}

/** What a page may do with the graph. */
export interface Flame {
  search(term: string): void
  reset(): void
  /** After a change of colours or of the width. */
  redraw(): void
}

/** As d3-hierarchy lays it out. */
interface ShownNode {
  data: FlameNode
  highlight?: boolean
  parent: ShownNode | null
  children?: ShownNode[]
}

/** Draws the graph. */
export function drawFlame({ area, tree, isComparison, onDetails, onFound }: FlameOptions): Flame {
  const largestChange = Math.max(1, ...changes(tree))
  const chart = flamegraph()
    .width(area.clientWidth)
    .cellHeight(20)
    .inverted(true)
    .sort((a: ShownNode, b: ShownNode) => b.data.value - a.data.value)
    .minFrameSize(1)
    .transitionDuration(matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 150)
    .setColorMapper((node: ShownNode) => (node.highlight === true ? 'var(--found)' : colorOf(node.data, isComparison, largestChange)))
    .setLabelHandler((node: ShownNode) => describe(node.data, tree))
    .setDetailsHandler((text: string | null) => onDetails(text ?? undefined))
    .setSearchHandler((_results: unknown, found: number, all: number) => onFound(`${percent(found, all)} of the CPU time`))
    .setSearchMatch((node: ShownNode, term: string) => describe(node.data, tree).toLowerCase().includes(term.toLowerCase()))
  select(area).datum(tree).call(chart)
  walkWithKeys(area, (node) => chart.zoomTo(node), (node) => onDetails(node && describe(node.data, tree))) // prettier-ignore
  return {
    search(term) {
      if (term === '') {
        chart.clear()
        onFound('')
      } else chart.search(term)
    },
    reset: () => chart.resetZoom(),
    redraw() {
      chart.width(area.clientWidth)
      chart.update()
    },
  }
}

/** Arrows: to what it called and back, and to its neighbours; Enter zooms in, Escape out. */
function walkWithKeys(area: HTMLElement, zoom: (node: ShownNode) => void, tell: (node: ShownNode | undefined) => void): void {
  let current: ShownNode | undefined
  const frames = (): { element: Element; node: ShownNode }[] =>
    [...area.querySelectorAll('g.frame')].map((element) => ({ element, node: (element as Element & { __data__: ShownNode }).__data__ }))
  const root = (): ShownNode | undefined => frames().find(({ node }) => node.parent === null)?.node
  const show = (node: ShownNode | undefined): void => {
    if (node === undefined) return
    current = node
    for (const { element, node: own } of frames()) element.classList.toggle('current', own === node)
    frames()
      .find(({ node: own }) => own === node)
      ?.element.scrollIntoView({ block: 'nearest' })
    tell(node)
  }
  const beside = (by: number): ShownNode | undefined => {
    const siblings = current?.parent?.children?.toSorted((a, b) => b.data.value - a.data.value) ?? []
    return current === undefined ? undefined : siblings[siblings.indexOf(current) + by]
  }
  const steps: Record<string, () => void> = {
    ArrowDown: () => show(current?.children?.toSorted((a, b) => b.data.value - a.data.value)[0]),
    ArrowUp: () => show(current?.parent ?? undefined),
    ArrowLeft: () => show(beside(-1)),
    ArrowRight: () => show(beside(1)),
    Enter: () => {
      if (current === undefined) return
      zoom(current)
      // The frames are drawn anew.
      show(current)
    },
    Escape: () => {
      const top = root()
      if (top !== undefined) zoom(top)
      show(top)
    },
  }
  area.addEventListener('keydown', (event) => {
    const step = steps[event.key]
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    if (current === undefined) show(root())
    else step()
  })
  area.addEventListener('blur', () => {
    for (const { element } of frames()) element.classList.remove('current')
    tell(undefined)
  })
}

function describe({ name, value, at, delta }: FlameNode, tree: FlameNode): string {
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
function colorOf({ name, at, delta }: FlameNode, isComparison: boolean, largestChange: number): string {
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
  if (/^(?:node:perf-agent\/|wasm:\/\/wasm\/perf-agent)|[\\/]@perf[\\/]agent[\\/]dist[\\/]/.test(at)) return 'agent'
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
