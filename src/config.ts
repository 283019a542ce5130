import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { flagOf, openTelemetryValue, parseBytes, parseCpuInterval, parseStallThreshold, textOf } from './setting-values.ts'

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
    name: 'PERF_ROOT',
    type: 'string',
    default: '',
    doc: 'Folder of `perf.config.json`, from which relative paths in settings start; default: the working directory. Set by `perf-agent run`; a child process has that of its parent.',
  },
  {
    name: 'PERF_SERVICE',
    type: 'string',
    default: '',
    fallback: 'OTEL_SERVICE_NAME',
    doc: 'Name of the service; default: the name in package.json.',
  },
  { name: 'PERF_SESSION', type: 'string', default: '', doc: 'Session folder (or name) that this process joins; set by `perf-agent run`.' },
  {
    name: 'PERF_FLAGS',
    type: 'list',
    default: '',
    doc: 'Switches of your app that the session is compared by: names of environment variables whose values are kept, or `NAME=value`.',
  },
  {
    name: 'PERF_TAGS',
    type: 'list',
    default: '',
    doc: 'Tags of the session, e.g. `nightly,main`; a session tagged `keep` is never pruned.',
  },
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
  {
    name: 'PERF_SERVER_TIMING',
    type: 'boolean',
    default: 'false',
    doc: 'Answer HTTP/1 requests with a `Server-Timing` header: the time until the headers and the id of the trace, as browsers show them.',
  },
  {
    name: 'PERF_SAMPLE',
    type: 'number',
    default: '1',
    fallback: 'OTEL_TRACES_SAMPLER',
    doc: 'Share of traces recorded, 0 to 1; every statistic is weighted by it.',
  },
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
    name: 'PERF_CPU_SAMPLER',
    type: 'choice',
    choices: ['auto', 'inspector', 'pprof'],
    default: 'auto',
    doc: "Who samples for PERF_CPU: Node's inspector, or on Node 24 and newer `@datadog/pprof` (cheaper, less detail: docs/cpu.md), which `auto` takes where the app has it installed, without dd-trace.",
  },
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
  {
    name: 'PERF_SCORERS',
    type: 'string',
    default: '',
    doc: 'Quality scorers, run after the session: built-in names and paths of modules, each with `:weight`, e.g. `default, latency(2s), ./scorers.js:2` (docs/ai.md).',
  },
  {
    name: 'PERF_MAX_BYTES',
    type: 'bytes',
    default: '2GB',
    doc: 'Size of the hot store per process beyond which the oldest blocks are rotated away (counted).',
  },
  { name: 'PERF_EXPORT', type: 'string', default: '', doc: 'Reserved for exporters. None is built in yet, so nothing leaves the machine.' },
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
    fallback: 'OTEL_LOG_LEVEL',
    doc: 'What the agent says on stderr: nothing, one line per problem, or all.',
  },
] as const satisfies readonly Setting[]

export type SettingName = (typeof configTable)[number]['name']

/** What the agent runs with. */
export interface Config {
  enabled: boolean
  /** Folder that the settings start from; absolute. */
  root: string
  /** Absolute. */
  dir: string
  service: string
  session: string
  /** Switches of the app by name, for session.json. */
  flags: Record<string, string>
  tags: string[]
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
  serverTiming: boolean
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
  cpuSampler: 'auto' | 'inspector' | 'pprof'
  heap: string
  /** As written; the command line reads it. */
  scorers: string
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

/**
 * The folder of `perf.config.json`, from which relative paths in settings start: what `inherited` says, else `cwd`, unless the environment names
 * another. A relative one is what `inherited` began with: it says nothing new.
 */
export function rootFolder(environment: Environment, cwd: string, inherited = ''): string {
  const own = environment['PERF_ROOT']?.trim() ?? ''
  return inherited !== '' && !path.isAbsolute(own) ? inherited : path.resolve(cwd, own)
}

/**
 * Reads the environment, and what it leaves open from `perf.config.json`; `inherited` is the root of the thread or process that started this one.
 * A bad value gives a warning and the default, never an error.
 */
export function readConfig(environment: Environment, cwd: string, inherited = ''): Config {
  const root = rootFolder(environment, cwd, inherited)
  const warnings: string[] = []
  const given: Record<string, string> = {}
  /** Variables of OpenTelemetry that stand for a setting. */
  const said: Record<string, string> = {}
  const own = readProjectSettings(root)
  if (own.problem !== undefined) warnings.push(own.problem)
  const text = (name: SettingName): string => {
    const setting: Setting | undefined = configTable.find((entry) => entry.name === name)
    // The environment wins over the file under either name.
    const fallback = setting?.fallback ? openTelemetryValue(setting.fallback, environment) : undefined
    const set = environment[name] || (fallback ? undefined : own.values[name])
    const value = set || fallback || ''
    if (set) given[name] = set
    else if (fallback && setting?.fallback) said[name] = setting.fallback
    return value.trim() === '' ? (setting?.default ?? '') : value.trim()
  }
  const warn = (name: SettingName, value: string, expected: string, used: string): void => {
    warnings.push(`${said[name] ?? name}=${value} is not ${expected}; using ${used}.`)
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
  if (text('PERF_EXPORT') !== '') warnings.push('PERF_EXPORT is not used: no exporter is built in yet.')
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
    root,
    dir: path.resolve(root, text('PERF_DIR')),
    service: text('PERF_SERVICE'),
    session: text('PERF_SESSION'),
    flags: Object.fromEntries(list('PERF_FLAGS').map((entry) => flagOf(entry, environment))),
    tags: list('PERF_TAGS'),
    tools: text('PERF_TOOLS'),
    capture: choice('PERF_CAPTURE', ['off', 'preview', 'full'], 'off'),
    redact: list('PERF_REDACT'),
    integrations: list('PERF_INTEGRATIONS'),
    disable: list('PERF_DISABLE'),
    optIn: list('PERF_OPT_IN'),
    propagate: list('PERF_PROPAGATE'),
    propagateMessages: boolean('PERF_PROPAGATE_MESSAGES', true),
    serverTiming: boolean('PERF_SERVER_TIMING', false),
    sample,
    stalls,
    triggers: text('PERF_TRIGGERS'),
    async: boolean('PERF_ASYNC', false),
    metrics: boolean('PERF_METRICS', true),
    cpu,
    cpuSampler: choice('PERF_CPU_SAMPLER', ['auto', 'inspector', 'pprof'], 'auto'),
    heap: choice('PERF_HEAP', ['off', 'sampling'], 'off'),
    scorers: text('PERF_SCORERS'),
    maxBytes,
    logTraceIds: boolean('PERF_LOG_TRACE_IDS', false),
    logLimit,
    log: choice('PERF_LOG', ['silent', 'warn', 'debug'], 'warn'),
    warnings,
    given,
  }
}

/** What `perf-agent bench` tells the benchmarks it runs. */
export interface BenchSettings {
  /** File that results and progress are appended to, one JSON object per line. */
  output?: string
  rounds?: number
  /** Milliseconds of measuring for each implementation and scenario. */
  timeMs?: number
  seed?: string
}

/** Reads `PERF_BENCH`; empty when it is not set or holds no JSON object. */
export function readBenchSettings(environment: Environment): BenchSettings {
  try {
    const value: unknown = JSON.parse(environment['PERF_BENCH'] || '{}')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** Settings that a file cannot make: they say which run it is, and where the file is. */
export const NOT_IN_FILE: ReadonlySet<string> = new Set(['PERF_SESSION', 'PERF_ROOT'])

/** What `settings` of a project's `perf.config.json` says, as the environment would. */
export interface ProjectSettings {
  values: Partial<Record<SettingName, string>>
  /** One sentence about what of it cannot be used; it repeats nothing of the file but names. */
  problem?: string
}

/** Reads `settings` of `perf.config.json` in a folder: they hold where the environment says nothing. Never throws, nor waits for a pipe. */
export function readProjectSettings(folder: string): ProjectSettings {
  const unusable = (why: string): ProjectSettings => ({ values: {}, problem: `The settings of perf.config.json are not used: ${why}.` })
  let settings: unknown
  try {
    const file = path.join(folder, 'perf.config.json')
    const stat = statSync(file, { throwIfNoEntry: false })
    if (stat === undefined) return { values: {} }
    if (!stat.isFile()) return unusable('it is no file')
    settings = (JSON.parse(readFileSync(file, 'utf8')) as { settings?: unknown } | null)?.settings ?? {}
  } catch (error) {
    // What V8 says about JSON quotes it.
    return unusable(error instanceof SyntaxError ? 'it is not JSON' : `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`) // prettier-ignore
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return unusable('settings must be an object')
  const values: ProjectSettings['values'] = {}
  const problems: string[] = []
  for (const [name, value] of Object.entries(settings)) {
    const text = textOf(value)
    if (!configTable.some((entry) => entry.name === name && !NOT_IN_FILE.has(name))) problems.push(`settings.${name} is not known`)
    else if (text === undefined) problems.push(`settings.${name} must be a text, number, true, false or a list of texts`)
    else values[name as SettingName] = text
  }
  // The others hold: a typo in one must not lose what another hides.
  return problems.length === 0 ? { values } : { values, problem: `Not all of perf.config.json is used: ${problems.join('; ')}.` }
}

/** What stands in `perf.config.json` that the store needs. */
export interface ProjectConfig {
  /** Prices of AI models in USD per million tokens, over those of the package: the shape of `prices.json`. */
  prices?: { date?: string; source?: string; tiers?: Record<string, number>; models?: Record<string, { input: number; output: number }> }
}
