import { element } from './element.ts'

/** What a chart says at each place of its x axis, ready to be shown. */
export interface ChartData {
  labels: string[]
  series: { name: string; color: string; values: (string | null)[] }[]
}

const WIDTH = 1000

/** What is under the pointer, or where the arrow keys are, in every chart of the page. */
export function pointAtCharts(charts: Readonly<Record<string, ChartData>>): void {
  const tip = document.getElementById('tip')
  if (tip === null) return
  for (const figure of document.querySelectorAll<HTMLElement>('.chart')) {
    const data = charts[figure.dataset['chart'] ?? '']
    const area = figure.querySelector<SVGSVGElement>('.area')
    if (data !== undefined && area !== null) pointAt(figure, area, data, tip)
  }
}

function pointAt(figure: HTMLElement, area: SVGSVGElement, data: ChartData, tip: HTMLElement): void {
  const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  cursor.setAttribute('class', 'cursor')
  const steps = data.labels.length
  let at: number | undefined
  const leave = (): void => {
    at = undefined
    cursor.remove()
    tip.hidden = true
  }
  const show = (index: number): void => {
    at = Math.max(0, Math.min(steps - 1, index))
    const x = ((at + 0.5) / steps) * WIDTH
    cursor.setAttribute('d', `M${x} 0V160`)
    area.append(cursor)
    const rows = data.series.flatMap(({ name, color, values }) => {
      const value = values[at ?? 0]
      if (value === null || value === undefined) return []
      return [element('p', '', element('span', '', element('i', color), name), element('b', '', value))]
    })
    tip.replaceChildren(element('p', '', data.labels[at] ?? ''), ...rows)
    tip.hidden = false
    place(tip, area, x / WIDTH)
  }
  area.addEventListener('pointermove', (event) => {
    const box = area.getBoundingClientRect()
    show(Math.floor(((event.clientX - box.left) / box.width) * steps))
  })
  area.addEventListener('pointerleave', leave)
  figure.addEventListener('blur', leave)
  figure.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') leave()
    else if (event.key === 'ArrowRight') show(at === undefined ? 0 : at + 1)
    else if (event.key === 'ArrowLeft') show(at === undefined ? steps - 1 : at - 1)
    else if (event.key === 'Home') show(0)
    else if (event.key === 'End') show(steps - 1)
    else return
    event.preventDefault()
  })
}

/** Beside the cursor, at the side where there is room. */
function place(tip: HTMLElement, area: SVGSVGElement, share: number): void {
  const box = area.getBoundingClientRect()
  const x = box.left + box.width * share
  const left = x + tip.offsetWidth + 16 < innerWidth ? x + 12 : x - tip.offsetWidth - 12
  tip.style.left = `${Math.max(4, left)}px`
  tip.style.top = `${Math.max(4, Math.min(innerHeight - tip.offsetHeight - 4, box.top + 8))}px`
}
