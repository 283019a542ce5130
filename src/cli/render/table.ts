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
  for (const row of rows) rendered.push([...row])
  return rendered
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
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

// eslint-disable-next-line no-control-regex -- the escapes picocolors writes
const ESCAPES = /\x1b\[[0-9;]*m/g

/** Characters a text takes on a terminal. */
export function visible(text: string): number {
  return [...text.replace(ESCAPES, '')].length
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
  // eslint-disable-next-line no-control-regex -- recorded text can hold anything
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '')
    .trim()
}
