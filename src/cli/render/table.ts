import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import type { Terminal } from './terminal.ts'

/** A column of a table; exactly the columns marked `flexible` give way when the terminal is narrow. */
export interface TableColumn {
  head: string
  align?: 'left' | 'right'
  flexible?: boolean
}

const NO_BORDER = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '',
  mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ',
} // prettier-ignore

/** A table without lines, as wide as the terminal at most; what does not fit is cut, or with `wrap` goes on in the next line. */
export function table(
  terminal: Terminal,
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  options: { wrap?: boolean } = {},
): string {
  const natural = columns.map((column, i) => Math.max(visible(column.head), ...rows.map((row) => visible(row[i] ?? ''))))
  const widths = fit(natural, columns, terminal.width - 2 * (columns.length - 1))
  const rendered = new Table({
    chars: NO_BORDER,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colWidths: widths,
    colAligns: columns.map((column) => column.align ?? 'left'),
    truncate: terminal.unicode ? '…' : '~',
    wordWrap: options.wrap === true,
  })
  rendered.push(columns.map((column) => terminal.paint.dim(column.head)))
  const cells = options.wrap === true ? rows : tellApart(rows, widths, terminal)
  for (const row of cells) rendered.push([...row])
  return rendered
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Texts of a column that differ, but would look the same when cut at their end, are cut in the middle. */
function tellApart(rows: readonly (readonly string[])[], widths: readonly number[], terminal: Terminal): (readonly string[])[] {
  const beginnings = widths.map(() => new Map<string, Set<string>>())
  const beginningOf = (cell: string, i: number): string | undefined =>
    visible(cell) > (widths[i] ?? 0) && stripVTControlCharacters(cell) === cell
      ? [...cell].slice(0, (widths[i] ?? 0) - 1).join('')
      : undefined
  for (const row of rows)
    for (const [i, cell] of row.entries()) {
      const beginning = beginningOf(cell, i)
      if (beginning === undefined) continue
      const same = beginnings[i]?.get(beginning) ?? new Set()
      beginnings[i]?.set(beginning, same.add(cell))
    }
  return rows.map((row) =>
    row.map((cell, i) => {
      const beginning = beginningOf(cell, i)
      const isAlone = beginning === undefined || (beginnings[i]?.get(beginning)?.size ?? 0) < 2
      return isAlone ? cell : cutMiddle(cell, widths[i] ?? 0, terminal)
    }),
  )
}

function cutMiddle(text: string, width: number, terminal: Terminal): string {
  const characters = [...text]
  const head = Math.ceil((width - 1) * 0.4)
  return `${characters.slice(0, head).join('')}${terminal.unicode ? '…' : '~'}${characters.slice(head + 1 - width).join('')}`
}

function fit(natural: number[], columns: readonly TableColumn[], available: number): number[] {
  const widths = [...natural]
  const excess = (): number => widths.reduce((sum, width) => sum + width, 0) - available
  const flexible = columns.flatMap((column, i) => (column.flexible === true ? [i] : []))
  while (excess() > 0) {
    const widest = flexible.reduce<number | undefined>(
      (best, i) => (best === undefined || (widths[i] ?? 0) > (widths[best] ?? 0) ? i : best),
      undefined,
    )
    if (widest === undefined || (widths[widest] ?? 0) <= 8) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

/** Characters a text takes on a terminal. */
export function visible(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/** A text on one line, at most `width` characters, cut at its end. */
export function cut(text: string, width: number, terminal: Terminal): string {
  const characters = [...oneLine(text)]
  return characters.length <= width
    ? characters.join('')
    : `${characters.slice(0, Math.max(0, width - 1)).join('')}${terminal.unicode ? '…' : '~'}`
}

/** White space, also line breaks, as single blanks; control characters, which could steer a terminal, left out. */
export function oneLine(text: string): string {
  return withoutControls(text.replace(/\s+/g, ' ')).trim()
}

/** A recorded text, which may hold anything, without control characters. */
export const withoutControls = (text: string): string => text.replace(/\p{Cc}/gu, '')
