import Table from 'cli-table3'
import { formatNumber } from './format-number.mjs'

/** Borders without colours, for terminals and pipes alike. */
export const plainTable = { style: { head: [], border: [], compact: true } }

/**
 * Prints what DESIGN.md's budget table asks and what came out.
 * @param {{ what: string, unit: string, node: number | null, atLeast: boolean, limit: number | null, value: number | null, isMet: boolean | null }[]} verdicts
 */
export function printVerdicts(verdicts) {
  const table = new Table({
    head: ['budget', 'Node', 'limit', 'measured', ''],
    colAligns: ['left', 'right', 'right', 'right', 'left'],
    ...plainTable,
  })
  for (const verdict of verdicts) table.push(verdictCells(verdict))
  console.log(`\n${table.toString()}`)
}

/** The cells of one row: what, Node, limit, measured, verdict. */
export function verdictCells({ what, unit, node, atLeast, limit, value, isMet }) {
  const bound = limit === null ? '' : `${atLeast ? '≥' : '≤'} ${limit.toLocaleString('en-US')} ${unit}`
  return [
    what,
    node ?? '',
    bound,
    value === null ? 'not measured' : `${formatNumber(value)} ${unit}`,
    isMet === null ? '' : isMet ? 'met' : 'MISSED',
  ]
}
