import type { VariantFigures } from '../../analysis/compare/compare-variants.ts'
import { claim } from './compare.ts'
import { count, counted, duration, share } from './format.ts'
import { cut, oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

/** The versions of a function: a table in the order in which they appeared, then what changed in the source. */
export function variantsText(terminal: Terminal, target: string, variants: readonly VariantFigures[]): string {
  const { paint } = terminal
  const places = [...new Set(variants.map(({ file, line }) => (file === null ? '' : line === null ? file : `${file}:${line}`)))].filter(
    Boolean,
  )
  const right = { align: 'right' as const }
  // With errors there is no room for the interval in 80 columns.
  const failed = variants.some(({ errors }) => errors > 0)
  const columns: TableColumn[] = [
    { head: 'variant' }, { head: 'first seen' }, { head: 'commit', flexible: true }, { head: 'calls', ...right }, { head: 'p50', ...right }, { head: 'p95', ...right },
    ...(failed ? [{ head: 'errors', ...right }] : []), { head: 'against before' },
  ] // prettier-ignore
  const rows = variants.map((variant) => [
    variant.variant.slice(0, 8), variant.first_seen.slice(5, 16).replace('T', ' '), variant.commits.map((commit) => commit.slice(0, 7)).join(' ') || '-', count(variant.calls),
    duration(variant.p50_ms), duration(variant.p95_ms), ...(failed ? [variant.errors === 0 ? '0' : share(variant.errors, variant.calls)] : []),
    variant.against_before === null ? '' : claim(terminal, variant.against_before, !failed),
  ]) // prettier-ignore
  const head = `${paint.bold(`${counted(variants.length, 'variant')} of ${oneLine(target)}`)}${places.length === 0 ? '' : `  ${paint.dim(places.slice(0, 2).join(', '))}`}`
  const changes = variants.flatMap((variant, i) => changeLines(terminal, variant, variants[i - 1]))
  return `${[head, '', table(terminal, columns, rows), ...changes].join('\n')}\n`
}

function changeLines(terminal: Terminal, { variant, change }: VariantFigures, before: VariantFigures | undefined): string[] {
  if (before === undefined || change === null) return []
  const { paint, width } = terminal
  const line = (sign: string, text: string): string => {
    const depth = Math.min(text.length - text.trimStart().length, 20)
    return `${sign} ${' '.repeat(depth)}${cut(text, width - depth - 2, terminal)}`
  }
  return [
    '',
    `${paint.bold(variant.slice(0, 8))} ${paint.dim(`against ${before.variant.slice(0, 8)}, from line ${change.line} of the function on`)}`,
    ...change.removed.map((text) => paint.red(line('-', text))),
    ...change.added.map((text) => paint.green(line('+', text))),
    ...(change.more > 0 ? [paint.dim(`  + ${counted(change.more, 'more line')}`)] : []),
  ]
}
