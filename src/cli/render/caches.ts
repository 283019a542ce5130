import type { CacheReport } from '../../analysis/cache-report.ts'
import { count, duration, money, share } from './format.ts'
import { oneLine, table } from './table.ts'
import type { Terminal } from './terminal.ts'

/** Caches by what they saved and lost. */
export function caches(terminal: Terminal, rows: readonly CacheReport[]): string {
  if (rows.length === 0) return ''
  const heads = ['reads', 'hits', 'evicted', 'entries', 'a miss', 'saved', 'lost']
  const hasMoney = rows.some((row) => row.lost_usd !== null)
  const columns = [
    { head: 'cache', flexible: true },
    ...[...heads, ...(hasMoney ? ['lost $'] : [])].map((head) => ({ head, align: 'right' as const })),
  ]
  return table(
    terminal,
    columns,
    rows.map((row) => [
      oneLine(row.integration === null || row.cache === row.integration ? row.cache : `${row.cache} (${row.integration})`),
      count(row.hits + row.misses),
      share(row.hits, row.hits + row.misses),
      row.input_tokens === null ? count(row.evictions) : '',
      entriesOf(row),
      duration(row.recompute_ms),
      duration(row.saved_ms),
      duration(row.lost_ms),
      ...(hasMoney ? [money(row.lost_usd)] : []),
    ]),
  )
}

/** How full it is; of the prompts of a model, how many of their tokens were cached. */
function entriesOf({ entries, max_entries: most, input_tokens: tokens, cached_tokens: cached }: CacheReport): string {
  if (tokens !== null) return `${share(cached ?? 0, tokens)} of tokens`
  if (entries === null) return ''
  return most === null ? count(entries) : `${count(entries)} of ${count(most)}`
}
