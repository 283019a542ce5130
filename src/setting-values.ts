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

/** What an OTEL_* variable says in the words of the setting it stands for; undefined when it is not set. What is no word of its own is given as it is. */
export function openTelemetryValue(variable: string, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const value = environment[variable]?.trim() || undefined
  if (variable === 'OTEL_SERVICE_NAME') return value ?? serviceOfResource(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '')
  if (variable === 'OTEL_LOG_LEVEL') return value && (LOG_LEVELS[value.toLowerCase()] ?? value)
  if (variable !== 'OTEL_TRACES_SAMPLER' || value === undefined) return value
  const sampler = value.toLowerCase().replace(/^parentbased_/, '')
  if (sampler === 'traceidratio') return environment['OTEL_TRACES_SAMPLER_ARG']?.trim() || '1'
  return SAMPLERS[sampler] ?? value
}

const SAMPLERS: Readonly<Record<string, string>> = { always_on: '1', always_off: '0' }
const LOG_LEVELS: Readonly<Record<string, string>> = { none: 'silent', error: 'warn', info: 'warn', verbose: 'debug', all: 'debug' }

/** `service.name` of a list such as `service.name=shop,team=a%2Cb`; one that cannot be decoded counts as not set at all. */
function serviceOfResource(list: string): string | undefined {
  try {
    const pairs = list.split(',').map((pair) => pair.split('=').map((part) => decodeURIComponent(part.trim())))
    return pairs.find(([key]) => key === 'service.name')?.[1] || undefined
  } catch {
    return undefined
  }
}

/** `CACHE=1` as it stands; of `CACHE` the value of the environment variable, empty when it is not set. */
export function flagOf(entry: string, environment: Readonly<Record<string, string | undefined>>): [name: string, value: string] {
  const at = entry.indexOf('=')
  return at === -1 ? [entry, environment[entry] ?? ''] : [entry.slice(0, at).trim(), entry.slice(at + 1).trim()]
}

/** A value of a settings file as the environment would have it; undefined when it cannot. */
export function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.every((part) => typeof part === 'string') ? value.join(',') : undefined
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined
}
