import { markup, type Markup, type Part } from './markup.ts'

/** A cell: what it shows, and the number it is sorted by and shown as a bar of. */
export interface Cell {
  show: Part
  value?: number | null
  /** Share of the widest bar of its column, 0 to 1. */
  bar?: number
  /** Class of the bar's colour. */
  color?: string
}

export interface Column<Row> {
  head: string
  /** What the head means, where it is not plain. */
  about?: string
  /** Figures stand at the right. */
  isNumber?: boolean
  /** Takes the room that is left. */
  isWide?: boolean
  cell(row: Row): Cell | Part
}

/** A table with sortable columns; nothing for no rows. `caption` is read out, and shown where a section has several tables. */
export function dataTable<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Markup | false {
  if (rows.length === 0) return false
  const classes = ({ isNumber, isWide }: Column<Row>): string => [isNumber && 'n', isWide && 'w'].filter(Boolean).join(' ')
  return markup`<h3 class="caption" aria-hidden="true">${caption}</h3>
<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="data"><caption>${caption}</caption>
<thead><tr>${columns.map((column) => markup`<th scope="col" class="${classes(column)}"${column.about !== undefined && markup` title="${column.about}"`}>${column.head}</th>`)}</tr></thead>
<tbody>${rows.map((row) => markup`<tr data-find>${columns.map((column) => cellOf(column.cell(row), classes(column)))}</tr>\n`)}</tbody></table></div>
`
}

function cellOf(cell: Cell | Part, names: string): Markup {
  const { show, value, bar, color } = isCell(cell) ? cell : { show: cell }
  const sort = value === undefined || value === null ? false : markup` data-v="${Number(value.toPrecision(6))}"`
  const drawn =
    bar !== undefined &&
    markup`<svg class="cellbar" aria-hidden="true"><rect class="${color ?? 'c-s0'}" width="${Math.round(Math.max(0, Math.min(1, bar)) * 1000) / 10}%" height="100%"/></svg>`
  return markup`<td class="${names}"${sort}>${show}${drawn}</td>`
}

function isCell(cell: Cell | Part): cell is Cell {
  return typeof cell === 'object' && cell !== null && 'show' in cell
}
