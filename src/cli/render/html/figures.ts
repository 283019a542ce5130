import { duration as plainDuration } from '../format.ts'

/** Milliseconds as a page writes them: a narrow space before the unit, and µ. */
export function duration(ms: number | null | undefined): string {
  return plainDuration(ms).replace(/(?<=\d)(us|ms|s|min|h)$/, (unit) => `\u202f${unit === 'us' ? 'µs' : unit}`)
}

/** The same without zeros behind the point: for axes. */
export function mark(ms: number): string {
  return ms === 0 ? '0' : duration(ms).replace(/\.(\d*?)0+(?=\u202f)/, (_, digits: string) => (digits === '' ? '' : `.${digits}`))
}
