import { element } from './element.ts'

// The waterfalls: one row can be reached with Tab, arrows go on from there, as in https://www.w3.org/WAI/ARIA/apg/patterns/treegrid/

/** Makes every waterfall a tree that opens and closes; Enter shows the attributes of a span. */
export function treegrids(attributes: Readonly<Record<string, Record<string, string>>>): void {
  for (const table of document.querySelectorAll<HTMLTableElement>('table.waterfall')) treegrid(table, attributes)
}

type Attributes = Readonly<Record<string, Record<string, string>>>

function treegrid(table: HTMLTableElement, attributes: Attributes): void {
  const body = table.tBodies[0]
  if (body === undefined) return
  const rows = [...body.rows]
  const level = (row: HTMLTableRowElement | undefined): number => Number(row?.getAttribute('aria-level') ?? 0)
  const shown = (): HTMLTableRowElement[] => rows.filter((row) => !row.hidden)
  const focus = (row: HTMLTableRowElement | undefined): void => {
    if (row === undefined) return
    for (const other of rows) other.tabIndex = other === row ? 0 : -1
    row.focus()
  }
  const expand = (row: HTMLTableRowElement, open: boolean): void => {
    if (!row.hasAttribute('aria-expanded')) return
    row.setAttribute('aria-expanded', String(open))
    refresh(rows, level)
  }
  const parentOf = (row: HTMLTableRowElement): HTMLTableRowElement | undefined =>
    rows.slice(0, rows.indexOf(row)).findLast((other) => level(other) < level(row))
  const keys: Record<string, (row: HTMLTableRowElement) => void> = {
    ArrowDown: (row) => focus(shown()[shown().indexOf(row) + 1]),
    ArrowUp: (row) => focus(shown()[shown().indexOf(row) - 1]),
    Home: () => focus(shown()[0]),
    End: () => focus(shown().at(-1)),
    ArrowRight: (row) => {
      if (row.getAttribute('aria-expanded') === 'false') expand(row, true)
      else if (row.getAttribute('aria-expanded') === 'true') focus(shown()[shown().indexOf(row) + 1])
    },
    ArrowLeft: (row) => {
      if (row.getAttribute('aria-expanded') === 'true') expand(row, false)
      else focus(parentOf(row))
    },
    Enter: (row) => toggleDetail(row, attributes),
    ' ': (row) => toggleDetail(row, attributes),
    Escape: (row) => detailOf(row)?.remove(),
  }
  rows.forEach((row, i) => (row.tabIndex = i === 0 ? 0 : -1))
  body.addEventListener('keydown', (event) => {
    const row = (event.target as Element).closest<HTMLTableRowElement>('tr[aria-level]')
    const act = keys[event.key]
    if (row === null || act === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act(row)
  })
  body.addEventListener('click', (event) => {
    const target = event.target as Element
    const row = target.closest<HTMLTableRowElement>('tr[aria-level]')
    if (row === null || getSelection()?.isCollapsed === false) return
    focus(row)
    const isMark =
      target.closest('.name') !== null && event.clientX < (row.querySelector('.name > span')?.getBoundingClientRect().left ?? 0)
    if (isMark) expand(row, row.getAttribute('aria-expanded') === 'false')
    else toggleDetail(row, attributes)
  })
  table.addEventListener('expand-all', () => {
    for (const row of rows) if (row.hasAttribute('aria-expanded')) row.setAttribute('aria-expanded', 'true')
    refresh(rows, level)
  })
}

/** Hides what is below closed rows, with the details that stand open there. */
function refresh(rows: readonly HTMLTableRowElement[], level: (row: HTMLTableRowElement) => number): void {
  let closedAt = Number.POSITIVE_INFINITY
  for (const row of rows) {
    if (level(row) <= closedAt) closedAt = Number.POSITIVE_INFINITY
    row.hidden = closedAt !== Number.POSITIVE_INFINITY
    if (row.hidden) detailOf(row)?.remove()
    if (!row.hidden && row.getAttribute('aria-expanded') === 'false') closedAt = level(row)
  }
}

function detailOf(row: HTMLTableRowElement): Element | undefined {
  const next = row.nextElementSibling
  return next?.classList.contains('detail') === true ? next : undefined
}

function toggleDetail(row: HTMLTableRowElement, attributes: Attributes): void {
  const open = detailOf(row)
  if (open !== undefined) {
    open.remove()
    return
  }
  const id = row.dataset['span'] ?? ''
  const entries = Object.entries({ span: id, ...attributes[id] })
  const list = element('dl', '', ...entries.map(([name, value]) => element('div', '', element('dt', '', name), element('dd', '', value))))
  const cell = element('td', '', list)
  cell.colSpan = row.cells.length
  cell.setAttribute('role', 'gridcell')
  const detail = element('tr', 'detail', cell)
  detail.setAttribute('role', 'row')
  row.after(detail)
}
