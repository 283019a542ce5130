import { plural } from '../../analysis/plural.ts'

// Figures as people read them: three significant digits, a unit, never more than eight characters.

/** Milliseconds with the unit that fits. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '-'
  if (ms > 0 && ms < 0.001) return `${significant(ms * 1e6)}ns`
  if (ms < 1) return `${significant(ms * 1000)}us`
  if (ms < 1000) return `${significant(ms)}ms`
  if (ms < 120_000) return `${significant(ms / 1000)}s`
  if (ms < 7_200_000) return `${significant(ms / 60_000)}min`
  return `${significant(ms / 3_600_000)}h`
}

/** A count, with k or M from 100,000 on. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return '-'
  if (value >= 1e9) return `${significant(value / 1e9)}G`
  if (value >= 1e6) return `${significant(value / 1e6)}M`
  if (value >= 100_000) return `${significant(value / 1000)}k`
  return Math.round(value).toLocaleString('en-US')
}

/** A count with what is counted: `1 trace`, `2 traces`. */
export const counted = (value: number, noun: string): string => `${count(value)} ${plural(noun, value)}`

/** US dollars; `-` when unknown: no price is not a price of nothing. */
export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return '-'
  if (usd === 0) return '$0'
  return usd >= 100 ? `$${usd.toFixed(0)}` : usd >= 1 ? `$${usd.toFixed(2)}` : `$${Number(usd.toPrecision(2))}`
}

/** Bytes in binary units. */
export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10))
  return `${significant(value / 1024 ** power)} ${units[power]}`
}

/** `part` of `whole` in percent. */
export function share(part: number, whole: number): string {
  if (whole <= 0) return '-'
  const percent = (part / whole) * 100
  return percent > 0 && percent < 1 ? '<1%' : `${Math.round(percent)}%`
}

function significant(value: number): string {
  if (value >= 99.95) return String(Math.round(value))
  if (value >= 10) return value.toFixed(1)
  return value === 0 ? '0' : value.toFixed(2)
}
