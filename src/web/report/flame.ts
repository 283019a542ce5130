import { drawFlame, type Flame, type FlameNode } from '../flame/chart.ts'

/** The flame graph of the report, drawn when there is one. */
export function flameSection(tree: FlameNode | null): Flame | undefined {
  const area = document.getElementById('flame')
  const details = document.getElementById('flame-details')
  const found = document.getElementById('flame-found')
  if (tree === null || area === null || details === null || found === null) return undefined
  const hint = details.textContent ?? ''
  const flame = drawFlame({
    area,
    tree,
    isComparison: false,
    onDetails: (text) => (details.textContent = text ?? hint),
    onFound: (text) => (found.textContent = text),
  })
  document.getElementById('flame-reset')?.addEventListener('click', () => flame.reset())
  let width = area.clientWidth
  new ResizeObserver(() => {
    if (area.clientWidth === width) return
    width = area.clientWidth
    flame.redraw()
  }).observe(area)
  return flame
}
