// The script of the flame graph page that `perf-agent flame --html` writes: one file, no network. Its data is in the page.
import { drawFlame, type FlameNode } from './chart.ts'

interface PageData {
  tree: FlameNode
  isComparison: boolean
}

const element = (id: string): HTMLElement => document.getElementById(id) as HTMLElement
const details = element('details')
const hint = details.textContent ?? ''
const flame = drawFlame({
  area: element('graph'),
  ...(JSON.parse(element('data').textContent ?? '') as PageData),
  onDetails: (text) => (details.textContent = text ?? hint),
  onFound: (text) => (element('found').textContent = text),
})
const search = element('search') as HTMLInputElement
search.addEventListener('input', () => flame.search(search.value))
element('reset').addEventListener('click', () => flame.reset())
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => flame.redraw())
addEventListener('resize', () => flame.redraw())
