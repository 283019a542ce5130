import { nowNs } from '../core/clock.ts'
import { ProbeWord, viewProbeMemory } from '../core/probe-memory.ts'
import { listenForCommands } from '../live/control-socket.ts'
import type { ControlRequest } from '../live/control-socket.ts'
import { askAgent, runAction, waitUntil } from '../profiling/actions.ts'
import type { ActionsHost } from '../profiling/actions.ts'
import { TriggerEngine } from '../profiling/trigger-engine.ts'
import { parseTriggers } from '../profiling/triggers.ts'
import type { ActionRequest } from '../profiling/triggers.ts'
import { HeapLimitWatch, NEAR_OOM_LOOK_MS } from '../profiling/heap-limit-watch.ts'
import type { BlockBuilder } from './block-builder.ts'

export interface ControlOptions extends Omit<ActionsHost, 'isMainBlocked'> {
  probe: SharedArrayBuffer
  /** `PERF_TRIGGERS` as written. */
  triggers: string
  sessionDir: string
  instance: string
  builders: readonly BlockBuilder[]
  /** Worker threads of the app that run. */
  appThreads(): number[]
  ask(message: object): void
  /** Switches recording in the worker threads of the app. */
  recordInThreads(on: boolean): void
  note(fact: object): void
  warn(text: string): void
  /** What is wrong with the settings is said by this process. */
  saysSettings: boolean
}

const SPAN_LOOK_MS = 100
/** A loop that does not answer for so long is blocked. */
const PRESENT_WITHIN_MS = 500
const ANSWER_WITHIN_MS = 5000
const MAX_SECONDS = 600

/** Triggers and commands, in the writer thread: what the app's main thread is not needed for works while that is blocked. */
export class Control {
  readonly engine: TriggerEngine
  private readonly options: ControlOptions
  private readonly host: ActionsHost
  private readonly timers: NodeJS.Timeout[] = []
  private readonly watchesHeap: boolean
  private stopListening: (() => void) | undefined
  private isListening = false
  private presence = 0
  private readonly heapWatch: HeapLimitWatch

  constructor(options: ControlOptions) {
    this.options = options
    this.host = { ...options, isMainBlocked: () => this.isMainBlocked() }
    const { triggers, problems } = parseTriggers(options.triggers)
    if (problems.length > 0 && options.saysSettings) options.warn(`PERF_TRIGGERS: ${problems.join('; ')}. The other triggers work.`)
    this.engine = new TriggerEngine({
      triggers,
      run: (action, cause) => this.run(action, cause, () => {}),
      note: (fact) => this.note(fact),
      now: () => nowNs() / 1e6,
    })
    this.heapWatch = new HeapLimitWatch({
      measured: (memory) => this.engine.onMemory(memory),
    })
    this.watchesHeap = this.engine.watches('heap', 'growth', 'near-oom')
    this.startTriggers(triggers.length > 0)
  }

  /** Listens for commands from now on; the session's folder must be there. */
  listen(): void {
    if (this.isListening) return
    this.isListening = true
    this.stopListening = listenForCommands(this.options.sessionDir, this.options.instance, (request, progress) =>
      this.handle(request, progress),
    )
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer)
    this.heapWatch.stop()
    this.stopListening?.()
  }

  /** A thread's spans are watched, too, where triggers name spans. */
  watchSpans(builder: BlockBuilder): void {
    if (!this.engine.watches('span', 'count')) return
    builder.onSpan = (name, durationNs) => {
      this.engine.onSpan(name, durationNs / 1e6)
      this.engine.onSpansEnded(name, 1)
    }
  }

  /** Takes the measurements of a round. */
  measured(values: ReadonlyMap<string, number>): void {
    const heapUsed = values.get('perf.memory.heap.used')
    this.engine.onMemory({
      rss: values.get('process.memory.usage'),
      heapUsed,
      heapLimit: this.heapWatch.limit ?? values.get('perf.memory.heap.limit'),
    })
    // Blocked, the main thread does not tell: it is asked in the middle of what it does.
    if (heapUsed === undefined && this.watchesHeap) void this.heapWatch.ask()
  }

  private startTriggers(hasSome: boolean): void {
    if (!hasSome) return
    const every = (ms: number, look: () => void): void => void this.timers.push(setInterval(look, ms))
    every(1000, () => this.engine.onTime())
    if (this.engine.watches('span')) every(SPAN_LOOK_MS, () => this.lookAtOpenSpans())
    if (this.engine.watches('near-oom')) every(NEAR_OOM_LOOK_MS, () => void this.heapWatch.look())
    const signals = this.engine.signals()
    if (signals.length > 0) this.options.ask({ type: 'signals', names: signals })
  }

  private lookAtOpenSpans(): void {
    const names = new Set(this.engine.spanLimits().map(({ name }) => name))
    const now = nowNs()
    for (const builder of this.options.builders) {
      builder.eachOpen((name, startNs) => {
        if (names.has(name)) this.engine.onSpan(name, (now - startNs) / 1e6)
      })
    }
  }

  private async isMainBlocked(): Promise<boolean> {
    const number = ++this.presence
    const { words } = viewProbeMemory(this.options.probe)
    this.options.ask({ type: 'presence', number })
    return !(await waitUntil(() => Atomics.load(words, ProbeWord.presence) === number, PRESENT_WITHIN_MS))
  }

  private async handle(request: ControlRequest, progress: (text: string) => void): Promise<unknown> {
    switch (request.command) {
      case 'profile':
        return await this.command({ name: 'cpu', ms: milliseconds(request['seconds'], 5) }, progress)
      case 'heap-sampling':
        return await this.command({ name: 'heap-sampling', ms: milliseconds(request['seconds'], 10) }, progress)
      case 'snapshot':
        return await this.command({ name: 'snapshot', ms: 0, thread: this.threadOf(request['thread']) }, progress)
      case 'state':
        // Only the app's own thread can read its state: it does when it is free.
        this.options.ask({ type: 'state-snapshot', reason: 'command' })
        return 'asked for a snapshot of every state that snapshot(name, fn) named'
      case 'recording':
        return await this.setRecording(request['on'] === true)
      case 'tasks':
        return await this.tasks()
      default:
        throw new Error(`this process does not know the command '${String(request.command)}'`)
    }
  }

  /** A thread of the app that was asked for; throws when there is no such. */
  private threadOf(value: unknown): number {
    const threads = this.options.appThreads()
    if (value === undefined || value === 0) return 0
    if (typeof value === 'number' && threads.includes(value)) return value
    const others = threads.toSorted((a, b) => a - b).join(', ') || 'none'
    throw new Error(`the app has no worker thread ${String(value)}; those it has: ${others}`)
  }

  private async command(action: ActionRequest, progress: (text: string) => void): Promise<string> {
    try {
      const detail = await this.run(action, 'command', progress)
      this.note({ cause: 'command', action: action.name, outcome: 'done', detail })
      return detail
    } catch (error) {
      this.note({
        cause: 'command',
        action: action.name,
        outcome: 'refused',
        detail: error instanceof Error ? error.message : String(error),
      })
      throw error
    }
  }

  private async run(action: ActionRequest, cause: string, progress: (text: string) => void): Promise<string> {
    return await runAction(action, cause, this.host, progress)
  }

  private async setRecording(on: boolean): Promise<string> {
    if ((await askAgent(`record?.(${String(on)})`, ANSWER_WITHIN_MS)) === undefined) throw new Error('the main thread did not answer')
    this.options.recordInThreads(on)
    this.note({ cause: 'command', action: 'recording', outcome: 'done', detail: on ? 'on' : 'off' })
    return `recording is ${on ? 'on' : 'off'}`
  }

  private async tasks(): Promise<unknown> {
    const text = await askAgent('tasks?.()', ANSWER_WITHIN_MS)
    if (text === undefined) throw new Error('async tasks are not watched in this process: start it with PERF_ASYNC=on')
    return JSON.parse(text)
  }

  private note(fact: object): void {
    this.options.note({ t: nowNs(), ...fact })
  }
}

function milliseconds(value: unknown, usualSeconds: number): number {
  const seconds = typeof value === 'number' ? value : usualSeconds
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) throw new Error(`seconds must be above 0 and at most ${MAX_SECONDS}`)
  return seconds * 1000
}
