import { readFileSync } from 'node:fs'
import path from 'node:path'

// Every setting is declared once, here; nothing else reads the environment.

export type SettingType = 'boolean' | 'string' | 'list' | 'number' | 'bytes' | 'choice'

export interface Setting {
  readonly name: string
  readonly type: SettingType
  readonly default: string
  readonly doc: string
  readonly choices?: readonly string[]
  /** OTEL_* variable honoured when this one is not set. */
  readonly fallback?: string
}

/** All settings, for `perf-agent config` and the generated documentation. */
export const configTable = [
  { name: 'PERF_ENABLED', type: 'boolean', default: 'true', doc: 'Record at all. OTEL_SDK_DISABLED=true switches off, too.' },
  { name: 'PERF_DIR', type: 'string', default: '.perf', doc: 'Where sessions are kept; relative to the working directory.' },
  {
    name: 'PERF_SERVICE',
    type: 'string',
    default: '',
    fallback: 'OTEL_SERVICE_NAME',
    doc: 'Name of the service; default: the name in package.json.',
  },
  { name: 'PERF_SESSION', type: 'string', default: '', doc: 'Session folder (or name) that this process joins; set by `perf-agent run`.' },
  {
    name: 'PERF_TOOLS',
    type: 'list',
    default: '',
    doc: 'Functions of your own to record as tools: globs of files with `#` and names, e.g. `src/tools/**#*`.',
  },
  {
    name: 'PERF_CAPTURE',
    type: 'choice',
    choices: ['off', 'preview', 'full'],
    default: 'off',
    doc: 'Keep prompts, tool arguments and results, SQL values: not at all, cut at 4 KB, or up to 1 MB; redacted. Sizes and keyed hashes are always kept.',
  },
  {
    name: 'PERF_REDACT',
    type: 'list',
    default: '',
    doc: 'More to redact: key names, `/patterns/`, or the path of a module that exports `redact(text, key)`.',
  },
  { name: 'PERF_INTEGRATIONS', type: 'list', default: '', doc: 'Only these integrations.' },
  { name: 'PERF_DISABLE', type: 'list', default: '', doc: 'Not these integrations.' },
  { name: 'PERF_OPT_IN', type: 'list', default: '', doc: 'Also these integrations, which are off by default: `fs`.' },
  {
    name: 'PERF_PROPAGATE',
    type: 'list',
    default: '',
    doc: 'Hosts that get `traceparent` besides the loopback ones and the own host; `*` for all.',
  },
  {
    name: 'PERF_PROPAGATE_MESSAGES',
    type: 'boolean',
    default: 'true',
    doc: 'Put `traceparent` into the headers of messages and jobs, so that producer and consumer are one trace.',
  },
  { name: 'PERF_SAMPLE', type: 'number', default: '1', doc: 'Share of traces recorded, 0 to 1; every statistic is weighted by it.' },
  {
    name: 'PERF_METRICS',
    type: 'boolean',
    default: 'true',
    doc: 'Measure memory, garbage collection, event loop, process and host every second, from the writer thread.',
  },
  {
    name: 'PERF_STALLS',
    type: 'string',
    default: 'on',
    doc: 'Catch what blocks the event loop while it blocks: `off`, `on` (100 ms) or from how long on, such as `250ms`.',
  },
  { name: 'PERF_CPU', type: 'string', default: 'off', doc: 'CPU profile of the run: `off`, `on` (10 ms) or an interval such as `1ms`.' },
  {
    name: 'PERF_HEAP',
    type: 'choice',
    choices: ['off', 'sampling'],
    default: 'off',
    doc: 'Where the app allocates, by call site and by span (docs/heap.md).',
  },
  {
    name: 'PERF_ASYNC',
    type: 'boolean',
    default: 'false',
    doc: 'Watch every asynchronous operation: what is pending, since when, begun where (`perf-agent tasks`).',
  },
  {
    name: 'PERF_TRIGGERS',
    type: 'string',
    default: '',
    doc: 'What starts a snapshot or profile by itself, e.g. `heap>500MB:snapshot; lag>200ms:cpu 5s` (docs/triggers.md).',
  },
  { name: 'PERF_SCORERS', type: 'string', default: '', doc: 'Module with quality scorers, run after the session.' },
  {
    name: 'PERF_MAX_BYTES',
    type: 'bytes',
    default: '2GB',
    doc: 'Size of the hot store per process beyond which the oldest blocks are rotated away (counted).',
  },
  { name: 'PERF_EXPORT', type: 'string', default: '', doc: 'Exporters; nothing leaves the machine without one.' },
  {
    name: 'PERF_LOG_TRACE_IDS',
    type: 'boolean',
    default: 'false',
    doc: "Put `trace_id`, `span_id` and `trace_flags` into the lines that the app's pino or winston writes inside a span.",
  },
  {
    name: 'PERF_LOG_LIMIT',
    type: 'number',
    default: '1000',
    doc: "Lines of the app's logs that are kept per second and thread; what is beyond is counted.",
  },
  {
    name: 'PERF_LOG',
    type: 'choice',
    choices: ['silent', 'warn', 'debug'],
    default: 'warn',
    fallback: '',
    doc: 'What the agent says on stderr: nothing, one line per problem, or all.',
  },
] as const satisfies readonly Setting[]

export type SettingName = (typeof configTable)[number]['name']

/** What the agent runs with. */
export interface Config {
  enabled: boolean
  /** Absolute. */
  dir: string
  service: string
  session: string
  /** As written; `loaders/tool-globs.ts` reads it. */
  tools: string
  capture: 'off' | 'preview' | 'full'
  redact: string[]
  integrations: string[]
  disable: string[]
  /** Integrations that are off by default, and on here. */
  optIn: string[]
  propagate: string[]
  propagateMessages: boolean
  sample: number
  metrics: boolean
  /** Watch asynchronous operations. */
  async: boolean
  /** As written; the writer thread reads it. */
  triggers: string
  /** From how many milliseconds on a blocked event loop is a stall; 0 is off. */
  stalls: number
  /** Sampling interval of the CPU profile in microseconds; 0 is off. */
  cpu: number
  heap: string
  maxBytes: number
  /** Ids of the span go into the app's log lines. */
  logTraceIds: boolean
  /** Lines of logs kept per second and thread. */
  logLimit: number
  log: 'silent' | 'warn' | 'debug'
  /** One sentence per value that could not be used. */
  warnings: string[]
  /** Names and values that were set, for session.json. */
  given: Record<string, string>
}

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the environment. A bad value gives a warning and the default, never an error. */
export function readConfig(environment: Environment, cwd: string): Config {
  const warnings: string[] = []
  const given: Record<string, string> = {}
  const text = (name: SettingName): string => {
    const setting: Setting | undefined = configTable.find((entry) => entry.name === name)
    const value = environment[name] || (setting?.fallback ? environment[setting.fallback] : '') || ''
    if (value !== '' && environment[name]) given[name] = value
    return value.trim() === '' ? (setting?.default ?? '') : value.trim()
  }
  const warn = (name: SettingName, value: string, expected: string, used: string): void => {
    warnings.push(`${name}=${value} is not ${expected}; using ${used}.`)
  }
  const list = (name: SettingName): string[] =>
    text(name)
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean)
  const choice = <T extends string>(name: SettingName, choices: readonly T[], fallback: T): T => {
    const value = text(name)
    const found = choices.find((one) => one === value.toLowerCase())
    if (found === undefined) warn(name, value, `one of ${choices.join(', ')}`, fallback)
    return found ?? fallback
  }
  const boolean = (name: SettingName, fallback: boolean): boolean => {
    const value = text(name).toLowerCase()
    if (['1', 'true', 'on', 'yes'].includes(value)) return true
    if (['0', 'false', 'off', 'no'].includes(value)) return false
    warn(name, value, 'true or false', String(fallback))
    return fallback
  }
  const sampleText = text('PERF_SAMPLE')
  let sample = Number(sampleText)
  if (!(sample >= 0 && sample <= 1)) {
    warn('PERF_SAMPLE', sampleText, 'a number from 0 to 1', '1')
    sample = 1
  }
  const limitText = text('PERF_LOG_LIMIT')
  let logLimit = Number(limitText)
  if (!(logLimit >= 0)) {
    warn('PERF_LOG_LIMIT', limitText, 'a number', '1000')
    logLimit = 1000
  }
  const cpuText = text('PERF_CPU')
  let cpu = parseCpuInterval(cpuText)
  if (cpu === undefined) {
    warn('PERF_CPU', cpuText, 'off, on, or an interval from 100us to 1s such as 1ms', 'off')
    cpu = 0
  }
  const stallText = text('PERF_STALLS')
  let stalls = parseStallThreshold(stallText)
  if (stalls === undefined) {
    warn('PERF_STALLS', stallText, 'off, on, or a time from 20ms to 60s such as 250ms', '100ms')
    stalls = 100
  }
  const maxText = text('PERF_MAX_BYTES')
  let maxBytes = parseBytes(maxText)
  if (maxBytes === undefined) {
    warn('PERF_MAX_BYTES', maxText, 'a size such as 500MB', '2GB')
    maxBytes = 2 * 1024 ** 3
  }
  return {
    enabled: boolean('PERF_ENABLED', true) && environment['OTEL_SDK_DISABLED']?.toLowerCase() !== 'true',
    dir: path.resolve(cwd, text('PERF_DIR')),
    service: text('PERF_SERVICE'),
    session: text('PERF_SESSION'),
    tools: text('PERF_TOOLS'),
    capture: choice('PERF_CAPTURE', ['off', 'preview', 'full'], 'off'),
    redact: list('PERF_REDACT'),
    integrations: list('PERF_INTEGRATIONS'),
    disable: list('PERF_DISABLE'),
    optIn: list('PERF_OPT_IN'),
    propagate: list('PERF_PROPAGATE'),
    propagateMessages: boolean('PERF_PROPAGATE_MESSAGES', true),
    sample,
    stalls,
    triggers: text('PERF_TRIGGERS'),
    async: boolean('PERF_ASYNC', false),
    metrics: boolean('PERF_METRICS', true),
    cpu,
    heap: choice('PERF_HEAP', ['off', 'sampling'], 'off'),
    maxBytes,
    logTraceIds: boolean('PERF_LOG_TRACE_IDS', false),
    logLimit,
    log: choice('PERF_LOG', ['silent', 'warn', 'debug'], 'warn'),
    warnings,
    given,
  }
}

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
function parseStallThreshold(text: string): number | undefined {
  const word = text.toLowerCase()
  if (['off', '0', 'false', 'no'].includes(word)) return 0
  if (['on', 'true', 'yes', '1'].includes(word)) return 100
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s)?$/.exec(word)
  const ms = match === null ? NaN : Number(match[1]) * (match[2] === 's' ? 1000 : 1)
  return ms >= 20 && ms <= 60_000 ? ms : undefined
}

/** What stands in `perf.config.json`, the file of a project. */
export interface ProjectConfig {
  /** Prices of AI models in USD per million tokens, over those of the package: the shape of `prices.json`. */
  prices?: { date?: string; source?: string; tiers?: Record<string, number>; models?: Record<string, { input: number; output: number }> }
  /** One sentence when the file could not be read. */
  problem?: string
}

/** Reads `perf.config.json` of a folder; an empty object when there is none. Never throws. */
export function readProjectConfig(folder: string): ProjectConfig {
  const file = path.join(folder, 'perf.config.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return {}
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
    return { problem: `${file} is not used: it must hold a JSON object.` }
  } catch (error) {
    return { problem: `${file} is not used: ${error instanceof Error ? error.message : String(error)}.` }
  }
}
