import { nowNs } from '../core/clock.ts'
import { ProbeValue, ProbeWord, viewProbeMemory } from '../core/probe-memory.ts'
import type { ProbeMemory } from '../core/probe-memory.ts'
import { captureBlockedStack } from './blocked-stack.ts'
import type { BlockedStack } from './blocked-stack.ts'
import type { MainInspector } from './main-inspector.ts'

/** A stall as a fact: first when it is seen, again when it is over. */
export interface StallFact {
  /** When it began, monotonic ns, as far as was known when it was first seen: both facts of a stall have the same. */
  t: number
  /** When it did begin, known once it is over. */
  s?: number
  /** How long it took, or has taken so far, in ns. */
  d: number
  over: boolean
  /** Worker thread of the app; the main thread without it. */
  thread?: number
  stack?: string
  /** The frames above the app's own were the same for a while. */
  steady?: boolean
  span?: string
}

export interface StallWatchOptions {
  memory: SharedArrayBuffer
  thresholdMs: number
  /** The worker thread of the app that is watched, whose stack cannot be had while it is blocked; not given: the main thread. */
  thread?: number
  /** Runs what must not be cut off by the end of the process; not at all once that has begun. */
  atWork(work: () => void): void
  /** Asks the app thread to answer as soon as its loop comes to it. */
  ask(question: { type: 'ping'; number: number }): void
  /** Whether a stall would be kept. Until then no inspector is connected: a process that ends beside one says so on stderr. */
  isWanted(): boolean
  /** Keeps a stall; called twice for one that was seen while it lasted. */
  stalled(stall: StallFact): void
  /** How long a question waited for the loop. */
  delayed(delayNs: number): void
  /** Called after every look. */
  looked?(): void
  /** How long a question has waited for the loop for certain, also while it goes on waiting. */
  lagging?(ms: number): void
}

/** Of the time between two looks: a process that used less CPU cannot have had a busy main thread. The writer's own use is below this. */
const IDLE_CPU_SHARE = 0.02
/** Even an idle thread is asked that often: one that waits in a system call uses no CPU. */
const ASK_AT_LEAST_MS = 1000
/** After that many looks at an idle process they come less often: waking up is what an idle watch costs. */
const IDLE_LOOKS = 40
/** How long a thread that waits in a system call is waited for; its stack arrives when the call returns. */
const MAX_ANSWER_MS = 60_000

interface Question {
  number: number
  askedNs: number
  /** Since when the main thread may have been busy without a break. */
  sinceNs: number
  capture: Promise<void> | undefined
  found: BlockedStack | undefined
}

/**
 * Watches a thread of the app from the writer thread: asks a question whenever the process has used CPU, and looks into the thread when
 * no answer comes. An idle process is left asleep; only this thread wakes up.
 */
export class StallWatch {
  private readonly options: StallWatchOptions
  private readonly probe: ProbeMemory
  private timer: NodeJS.Timeout | undefined
  private connection: MainInspector | undefined
  private question: Question | undefined
  private number = 0
  private lastLookNs = nowNs()
  private lastAskedNs = 0
  private lastPongNs = 0
  private lastActiveMs = 0
  private lastCpuUs = 0
  private idleLooks = 0
  private isStopped = false

  constructor(options: StallWatchOptions) {
    this.options = options
    this.probe = viewProbeMemory(options.memory)
  }

  start(): void {
    this.later()
  }

  /** Ends the watch and lets the main thread go; a stall that lasts is kept as it is. */
  stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    clearTimeout(this.timer)
    this.connection?.close()
    const { question } = this
    if (question === undefined || this.settle(question)) return
    if (question.capture !== undefined || this.isStall(question, nowNs())) this.report(question, question.sinceNs, nowNs(), false)
  }

  private later(): void {
    const { thresholdMs } = this.options
    const ms = this.idleLooks < IDLE_LOOKS ? thresholdMs / 2 : thresholdMs * 2
    if (!this.isStopped) this.timer = setTimeout(() => this.look(), ms)
  }

  private look(): void {
    this.options.atWork(() => {
      this.lookNow()
      this.options.looked?.()
    })
    this.later()
  }

  /** Looks once; for a watch that was not started, whose looks are another's. */
  lookNow(): void {
    const now = nowNs()
    const { question } = this
    if (question === undefined || this.settle(question)) this.askIfBusy(now)
    else {
      this.options.lagging?.((now - question.askedNs) / 1e6)
      if (this.isStall(question, now) && this.options.isWanted()) this.capture(question, now)
    }
  }

  /** Busy for the threshold as far as can be told, and for half of it for certain: the loop has not come to the question. */
  private isStall({ sinceNs, askedNs }: Question, endNs: number): boolean {
    const thresholdNs = this.options.thresholdMs * 1e6
    return endNs - sinceNs >= thresholdNs && endNs - askedNs >= thresholdNs * 0.45
  }

  /** Asks unless the process was idle since the last look. */
  private askIfBusy(now: number): void {
    const { user, system } = process.cpuUsage()
    const usedUs = user + system - this.lastCpuUs
    this.lastCpuUs = user + system
    const lastLookNs = this.lastLookNs
    const isIdle = usedUs * 1000 < (now - lastLookNs) * IDLE_CPU_SHARE
    this.lastLookNs = now
    this.idleLooks = isIdle ? this.idleLooks + 1 : 0
    if (isIdle && now - this.lastAskedNs < ASK_AT_LEAST_MS * 1e6) return
    this.lastAskedNs = now
    // A thread that is busy without a break has used that much CPU, and not more than has passed.
    const sinceNs = Math.max(lastLookNs, now - usedUs * 1000)
    this.question = { number: ++this.number, askedNs: now, sinceNs, capture: undefined, found: undefined }
    this.options.ask({ type: 'ping', number: this.number })
  }

  /** True once the question was answered; a late answer ends a stall. */
  private settle(question: Question): boolean {
    if (Atomics.load(this.probe.words, ProbeWord.pong) !== question.number) return false
    const answeredNs = this.probe.values[ProbeValue.pongNs] ?? question.askedNs
    this.question = undefined
    this.lastLookNs = Math.max(this.lastLookNs, answeredNs)
    this.options.delayed(Math.max(0, answeredNs - question.askedNs))
    this.options.lagging?.((answeredNs - question.askedNs) / 1e6)
    // The loop itself knows how long it was active since the question before; also where others held the processor meanwhile.
    const activeMs = this.probe.values[ProbeValue.pongActiveMs] ?? 0
    const startNs = Math.max(this.lastPongNs, answeredNs - Math.max(0, activeMs - this.lastActiveMs) * 1e6)
    const known = this.lastPongNs > 0 ? { ...question, sinceNs: Math.min(startNs, question.askedNs) } : question
    this.lastPongNs = answeredNs
    this.lastActiveMs = activeMs
    if (question.capture === undefined && !this.isStall(known, answeredNs)) return true
    const report = (): void => this.report(question, known.sinceNs, answeredNs, true)
    if (question.capture === undefined || question.found !== undefined || this.isStopped) report()
    else void question.capture.then(report)
    return true
  }

  private capture(question: Question, now: number): void {
    if (question.capture !== undefined) return
    const connected = (connection: MainInspector): void => void (this.connection = connection)
    const capturing = this.options.thread === undefined ? captureBlockedStack(MAX_ANSWER_MS, connected) : Promise.resolve(undefined)
    question.capture = capturing
      .then((found) => {
        this.connection = undefined
        question.found = found
        if (this.question === question && !this.isStopped && found?.stack !== '') this.report(question, question.sinceNs, now, false)
      })
      .catch(() => {})
  }

  private report({ sinceNs, found }: Question, startNs: number, endNs: number, over: boolean): void {
    this.options.stalled({
      t: Math.round(sinceNs),
      d: Math.round(endNs - startNs),
      over,
      ...(this.options.thread === undefined ? {} : { thread: this.options.thread }),
      ...(startNs === sinceNs ? {} : { s: Math.round(startNs) }),
      ...(found === undefined || found.stack === '' ? {} : { stack: found.stack, steady: found.isSteady }),
      ...(found?.span === undefined ? {} : { span: found.span }),
    })
  }
}
