/** Heads of tables sort by their column: figures the largest first, then the other way round. */
export function sortableTables(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>('table.data')) {
    for (const head of table.tHead?.rows[0]?.cells ?? []) {
      const button = document.createElement('button')
      button.type = 'button'
      button.append(...head.childNodes)
      head.append(button)
      button.addEventListener('click', () => sortBy(table, head))
    }
  }
}

function sortBy(table: HTMLTableElement, head: HTMLTableCellElement): void {
  const body = table.tBodies[0]
  if (body === undefined) return
  const column = head.cellIndex
  const isNumber = head.classList.contains('n')
  const was = head.getAttribute('aria-sort')
  const down = was === null ? isNumber : was === 'ascending'
  const value = (row: HTMLTableRowElement): number => Number(row.cells[column]?.dataset['v'] ?? Number.NEGATIVE_INFINITY)
  const text = (row: HTMLTableRowElement): string => row.cells[column]?.textContent ?? ''
  const order = (a: HTMLTableRowElement, b: HTMLTableRowElement): number =>
    isNumber ? value(a) - value(b) || 0 : text(a).localeCompare(text(b))
  body.append(...[...body.rows].sort((a, b) => (down ? order(b, a) : order(a, b))))
  for (const other of head.parentElement?.children ?? []) other.removeAttribute('aria-sort')
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending')
}
