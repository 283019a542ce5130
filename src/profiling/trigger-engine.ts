import type { ActionRequest, Condition, Trigger } from './triggers.ts'

/** What a trigger or a command did. */
export interface ActionFact {
  /** Monotonic ns. */
  t: number
  /** The trigger as it was written, or `command`. */
  cause: string
  action: string
  outcome: 'done' | 'refused' | 'suppressed'
  detail: string
}

export interface TriggerEngineOptions {
  triggers: readonly Trigger[]
  /** Does it; gives one sentence on what came of it, rejects with why not. */
  run(action: ActionRequest, cause: string): Promise<string>
  note(fact: Omit<ActionFact, 't'>): void
  /** Milliseconds that only grow. */
  now(): number
}

/** A trigger rests that long after it has fired. */
export const COOL_DOWN_MS = 60_000
const MAX_PER_TRIGGER = 10
const MAX_PER_PROCESS = 50
const NEAR_LIMIT = 0.85

interface State {
  trigger: Trigger
  fired: number
  lastMs: number
  isRunning: boolean
  /** Bytes that growth is measured from. */
  base: number | undefined
  /** Spans counted since it last fired. */
  spans: number
  toldLimit: boolean
}

/** Decides when triggers fire: each rests after it has fired and fires only so often, so that none can hurt the app. */
export class TriggerEngine {
  private readonly options: TriggerEngineOptions
  private readonly states: State[]
  private total = 0

  constructor(options: TriggerEngineOptions) {
    this.options = options
    const startMs = options.now()
    this.states = options.triggers.map((trigger) => {
      const lastMs = trigger.when.type === 'every' ? startMs : -Infinity
      return { trigger, fired: 0, lastMs, isRunning: false, base: undefined, spans: 0, toldLimit: false }
    })
  }

  /** Whether a condition of one of these kinds is watched. */
  watches(...types: Condition['type'][]): boolean {
    return this.states.some(({ trigger }) => types.includes(trigger.when.type))
  }

  /** Spans whose duration is watched, with the limits in ms. */
  spanLimits(): { name: string; ms: number }[] {
    return this.states.flatMap(({ trigger: { when } }) => (when.type === 'span' ? [{ name: when.name, ms: when.ms }] : []))
  }

  /** Names of spans that are counted. */
  countedSpans(): string[] {
    return this.states.flatMap(({ trigger: { when } }) => (when.type === 'count' ? [when.name] : []))
  }

  /** Signals that are wanted. */
  signals(): NodeJS.Signals[] {
    return this.states.flatMap(({ trigger: { when } }) => (when.type === 'signal' ? [when.name] : []))
  }

  /** What was measured, in bytes; `heapSoon` is what the heap will hold before it could be looked at again, as fast as it grows. */
  onMemory(memory: {
    heapUsed?: number | undefined
    heapLimit?: number | undefined
    heapSoon?: number | undefined
    rss?: number | undefined
  }): void {
    const { heapUsed, heapLimit, heapSoon = 0, rss } = memory
    for (const state of this.states) {
      const { when } = state.trigger
      if (when.type === 'heap' && heapUsed !== undefined && heapUsed > when.bytes) this.fire(state)
      else if (when.type === 'rss' && rss !== undefined && rss > when.bytes) this.fire(state)
      else if (when.type === 'near-oom' && heapUsed !== undefined && heapLimit !== undefined) {
        if (heapUsed > heapLimit * NEAR_LIMIT || heapSoon > heapLimit) this.fire(state)
      } else if (when.type === 'growth' && heapUsed !== undefined) {
        state.base ??= heapUsed
        if (heapUsed - state.base > when.bytes && this.fire(state)) state.base = heapUsed
      }
    }
  }

  onLag(ms: number): void {
    for (const state of this.states) if (state.trigger.when.type === 'lag' && ms >= state.trigger.when.ms) this.fire(state)
  }

  onSpan(name: string, ms: number): void {
    for (const state of this.states) {
      const { when } = state.trigger
      if (when.type === 'span' && when.name === name && ms >= when.ms) this.fire(state)
    }
  }

  onSpansEnded(name: string, count: number): void {
    for (const state of this.states) {
      const { when } = state.trigger
      if (when.type !== 'count' || when.name !== name) continue
      state.spans += count
      if (state.spans >= when.spans && this.fire(state)) state.spans %= when.spans
    }
  }

  onSignal(name: string): void {
    for (const state of this.states) if (state.trigger.when.type === 'signal' && state.trigger.when.name === name) this.fire(state)
  }

  /** To be called about once a second. */
  onTime(): void {
    for (const state of this.states) {
      const { when } = state.trigger
      if (when.type === 'every' && this.options.now() - state.lastMs >= when.ms) this.fire(state)
    }
  }

  /** True when it did fire. */
  private fire(state: State): boolean {
    const { trigger } = state
    const { run, note, now } = this.options
    // Who asks by hand or by the clock has said how often.
    const rest = trigger.when.type === 'every' || trigger.when.type === 'signal' || trigger.when.type === 'count' ? 0 : COOL_DOWN_MS
    if (state.isRunning || now() - state.lastMs < rest) return false
    if (state.fired >= MAX_PER_TRIGGER || this.total >= MAX_PER_PROCESS) {
      if (!state.toldLimit)
        note({
          cause: trigger.text,
          action: trigger.action.name,
          outcome: 'suppressed',
          detail: `it has fired ${state.fired} times; no more in this process`,
        })
      state.toldLimit = true
      return false
    }
    state.isRunning = true
    state.lastMs = now()
    state.fired++
    this.total++
    void run(trigger.action, trigger.text)
      .then(
        (detail) => note({ cause: trigger.text, action: trigger.action.name, outcome: 'done', detail }),
        (error: unknown) =>
          note({
            cause: trigger.text,
            action: trigger.action.name,
            outcome: 'refused',
            detail: error instanceof Error ? error.message : String(error),
          }),
      )
      .finally(() => (state.isRunning = false))
    return true
  }
}
