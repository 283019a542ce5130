import path from 'node:path'
import { count, share } from '../format.ts'
import { layerColor } from './charts.ts'
import type { Cell, Column } from './data-table.ts'
import { markup, type Markup, type Part } from './markup.ts'

/** A column of figures. */
export const number = <Row>(head: string, value: (row: Row) => number | null, show: (value: number | null) => string, about?: string): Column<Row> => ({
  head, isNumber: true, ...(about === undefined ? {} : { about }), cell: (row) => ({ show: show(value(row)), value: value(row) }),
}) // prettier-ignore
/** A column of text. */
export const text = <Row>(head: string, show: (row: Row) => Part, isWide = false): Column<Row> => ({ head, isWide, cell: show })
/** A share from 0 to 1 in percent; `-` where it is not known. */
export const percent = (value: number | null): string => (value === null ? '-' : share(value, 1))
/** How many failed. */
export const failed = <Row extends { errors: number }>(): Column<Row> => ({
  head: 'errors',
  isNumber: true,
  cell: ({ errors }): Cell => ({ show: errors > 0 ? markup`<span class="bad">${count(errors)}</span>` : '0', value: errors }),
})
/** Source, a statement, a command. */
export const code = (value: string): Markup => markup`<code>${value}</code>`
/** A place in the source. */
export const place = ({ file, line }: { file: string | null; line: number | null }): Part =>
  file === null ? '' : markup`<code title="${file}">${path.basename(file)}:${line ?? '?'}</code>`
/** A layer with its colour. */
export const layerTag = (layer: string): Markup => markup`<span class="layer"><i class="${layerColor(layer)}"></i>${layer}</span>`
/** A link to a trace of this page, else the beginning of its id. */
export type TraceLink = (id: string | null) => Part
