// How sizes, times and intervals are written in settings.

const UNITS: Record<string, number> = { '': 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 }

/** `500MB`, `2 GB`, `1048576` → bytes; undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?b?)$/i.exec(text)
  if (match === null) return undefined
  const unit = (match[2] ?? '').toLowerCase()
  const factor = UNITS[unit] ?? UNITS[`${unit}b`]
  return factor === undefined ? undefined : Math.floor(Number(match[1]) * factor)
}

/** Interval of `PERF_CPU=on`, in microseconds: below 2 % of the main thread's CPU; 1 ms costs up to 5 %. */
const DEFAULT_CPU_INTERVAL_US = 10_000

/** `off`, `on`, `1ms`, `500us` → microseconds, 0 for off; undefined when it is none of these or out of range. */
export function parseCpuInterval(text: string): number | undefined {
  const value = text.toLowerCase()
  if (['off', 'false', '0', 'no'].includes(value)) return 0
  if (['on', 'true', '1', 'yes'].includes(value)) return DEFAULT_CPU_INTERVAL_US
  const match = /^(\d+(?:\.\d+)?)\s*(us|µs|ms|s)$/.exec(value)
  if (match === null) return undefined
  const us = Math.round(Number(match[1]) * (match[2] === 's' ? 1e6 : match[2] === 'ms' ? 1000 : 1))
  return us >= 100 && us <= 1_000_000 ? us : undefined
}

/** `on`, `250ms`, `2s` → milliseconds, 0 for `off`; undefined when it is none of these or out of range. */
export function parseStallThreshold(text: string): number | undefined {
  const word = text.toLowerCase()
  if (['off', '0', 'false', 'no'].includes(word)) return 0
  if (['on', 'true', 'yes', '1'].includes(word)) return 100
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/.exec(word)
  const ms = match === null ? NaN : Number(match[1]) * (match[2] === 's' ? 1000 : 1)
  return ms >= 20 && ms <= 60_000 ? ms : undefined
}
