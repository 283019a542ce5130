// `PERF_TRIGGERS`: `<when>:<action>; …`. What starts a snapshot or a profile by itself.

/** What can be started: by a trigger, or from outside through the control socket. */
export const ACTIONS = ['snapshot', 'cpu', 'heap-sampling', 'heap-profile'] as const
export type ActionName = (typeof ACTIONS)[number]

export interface ActionRequest {
  name: ActionName
  /** How long to look, in ms; what does not take time ignores it. */
  ms: number
  /** Whose heap a snapshot is of, when not the main thread's. */
  thread?: number
}

export type Condition =
  | { type: 'heap' | 'rss' | 'growth'; bytes: number }
  | { type: 'lag'; ms: number }
  | { type: 'span'; name: string; ms: number }
  | { type: 'every'; ms: number }
  | { type: 'count'; name: string; spans: number }
  | { type: 'signal'; name: NodeJS.Signals }
  | { type: 'near-oom' }

/** One trigger as it was written and as it was understood. */
export interface Trigger {
  text: string
  when: Condition
  action: ActionRequest
}

/** How long an action looks when nothing else is said, in ms. */
const USUAL_MS: Readonly<Record<ActionName, number>> = { snapshot: 0, cpu: 5000, 'heap-sampling': 10_000, 'heap-profile': 1000 }
const MAX_ACTION_MS = 600_000
const MIN_EVERY_MS = 1000

/** Reads triggers; a bad one is left out and named in `problems`, one sentence each. */
export function parseTriggers(text: string): { triggers: Trigger[]; problems: string[] } {
  const triggers: Trigger[] = []
  const problems: string[] = []
  for (const part of text.split(';').map((one) => one.trim())) {
    if (part === '') continue
    try {
      triggers.push(parseTrigger(part))
    } catch (error) {
      problems.push(`'${part}': ${(error as Error).message}`)
    }
  }
  return { triggers, problems }
}

function parseTrigger(text: string): Trigger {
  const at = text.lastIndexOf(':')
  if (at < 0) throw new Error("needs an action behind a colon, such as ':snapshot'")
  return { text, when: parseCondition(text.slice(0, at).trim()), action: parseAction(text.slice(at + 1).trim()) }
}

/** `cpu`, `cpu 5s`. Throws what is wrong. */
export function parseAction(text: string): ActionRequest {
  const [word = '', time, ...rest] = text.split(/\s+/)
  const name = ACTIONS.find((one) => one === word)
  if (name === undefined || rest.length > 0)
    throw new Error(`'${text}' is not an action (${ACTIONS.join(', ')}; a time may follow: 'cpu 5s')`)
  if (time === undefined) return { name, ms: USUAL_MS[name] }
  const ms = parseTime(time)
  if (ms === undefined || ms <= 0 || ms > MAX_ACTION_MS) throw new Error(`'${time}' is not a time up to 10m such as 5s`)
  return { name, ms }
}

function parseCondition(text: string): Condition {
  if (text === 'near-oom') return { type: 'near-oom' }
  const signal = /^signal\s*:\s*(\w+)$/.exec(text)
  if (signal !== null) return { type: 'signal', name: checkedSignal(signal[1] ?? '') }
  const every = /^every\s+(\S+)(?:\s+(.+))?$/.exec(text)
  if (every !== null) return parseEvery(every[1] ?? '', every[2])
  const comparison = /^(.*?)\s*>\s*([^>]+)$/.exec(text)
  const [, what = '', limit = ''] = comparison ?? []
  const span = /^span\s*:\s*(.+)$/.exec(what)
  if (span !== null) return { type: 'span', name: (span[1] ?? '').trim(), ms: timeAbove(limit) }
  if (what === 'lag') return { type: 'lag', ms: timeAbove(limit) }
  if (what === 'heap' || what === 'rss' || what === 'growth') {
    const bytes = parseSize(limit)
    if (bytes === undefined || bytes <= 0) throw new Error(`'${limit}' is not a size such as 500MB`)
    return { type: what, bytes }
  }
  throw new Error(
    `'${text}' is not a condition (heap>500MB, rss>1GB, growth>100MB, lag>200ms, span:NAME>2s, every 10m, every 1000 NAME, signal:SIGUSR2, near-oom)`,
  )
}

function parseEvery(what: string, name: string | undefined): Condition {
  const spans = Number(what)
  if (name !== undefined) {
    if (!Number.isInteger(spans) || spans < 1) throw new Error(`'every ${what}' needs a whole number of spans`)
    return { type: 'count', name: name.trim(), spans }
  }
  const ms = parseTime(what)
  if (ms === undefined || ms < MIN_EVERY_MS) throw new Error(`'every ${what}' needs a time from 1s on such as 10m`)
  return { type: 'every', ms }
}

/** Node and V8 have these for themselves, or nobody can catch them. */
const TAKEN: Readonly<Record<string, string>> = {
  SIGUSR1: "starts Node's debugger",
  SIGPROF: "is V8's profiler's",
  SIGKILL: 'cannot be caught',
  SIGSTOP: 'cannot be caught',
}
const SIGNALS = ['SIGUSR2', 'SIGHUP', 'SIGWINCH', 'SIGQUIT', 'SIGALRM', 'SIGCONT', 'SIGIO', 'SIGVTALRM', 'SIGINT', 'SIGTERM', 'SIGBREAK']

function checkedSignal(name: string): NodeJS.Signals {
  const why = TAKEN[name]
  if (why !== undefined) throw new Error(`${name} ${why}; use SIGUSR2`)
  if (!SIGNALS.includes(name)) throw new Error(`'${name}' is not a signal that can be used (${SIGNALS.slice(0, 3).join(', ')}, …)`)
  return name as NodeJS.Signals
}

function timeAbove(text: string): number {
  const ms = parseTime(text)
  if (ms === undefined || ms < 20) throw new Error(`'${text}' is not a time from 20ms on such as 200ms`)
  return ms
}

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 }

/** `200ms`, `5s`, `10m`, `1h` in ms. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)$/i.exec(text.trim())
  return match === null ? undefined : Number(match[1]) * (MS[(match[2] ?? '').toLowerCase()] ?? NaN)
}

function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])?i?b$/i.exec(text.trim())
  if (match === null) return undefined
  return Number(match[1]) * 1024 ** ('kmgt'.indexOf((match[2] ?? '').toLowerCase() || ' ') + 1)
}
