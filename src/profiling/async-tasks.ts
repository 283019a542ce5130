import { createHook } from 'node:async_hooks'
import type { Span } from '../core/span.ts'

// `PERF_ASYNC=on`: what the app has begun and not finished. A bundle of its own, loaded only where it is asked for.

/** `pending`: not over; `never settled`: a promise that was thrown away unsettled; `orphan`: begun without the span of what triggered it. */
export type TaskState = 'pending' | 'never settled' | 'orphan'

/** Operations of one kind that began at one place. */
export interface TaskGroup {
  state: TaskState
  /** As Node names it: `PROMISE`, `Timeout`, `TCPWRAP`, … */
  type: string
  count: number
  /** Age of the oldest, in ms. */
  ageMs: number
  /** Frames of the place, innermost first; empty where only Node itself was at work. */
  stack: string
  /** 16 hex digits; empty without a span. */
  span: string
  spanName: string
  /** The span had ended already: nobody waits for this any more. */
  spanEnded: boolean
}

/** What is pending now, and what went wrong so far. */
export interface TaskReport {
  groups: TaskGroup[]
  pending: number
  neverSettled: number
  orphans: number
  /** Operations that were not watched: there were too many at once. */
  unwatched: number
}

export interface AsyncTasksOptions {
  currentSpan(): Span | undefined
  idOf(span: Span): string
  guard(where: string, fn: () => void): void
  nowNs(): number
  /** Folder of the agent: its own operations are left out. */
  agentFolder: string
}

interface Task {
  type: string
  startNs: number
  /** Holds the stack as V8 keeps it; turned into text only when somebody asks. */
  place: { stack?: string }
  span: Span | undefined
}

const MAX_TASKS = 50_000
const MAX_PLACES = 1000
const MAX_GROUPS = 200
const STACK_FRAMES = 12

/** Watches every asynchronous operation of this thread from its beginning to its end. */
export class AsyncTasks {
  private readonly options: AsyncTasksOptions
  private readonly tasks = new Map<number, Task>()
  private readonly gone = new Map<string, TaskGroup>()
  private neverSettled = 0
  private orphans = 0
  private unwatched = 0

  constructor(options: AsyncTasksOptions) {
    this.options = options
    createHook({
      init: (id, type, trigger) => options.guard('async', () => this.begin(id, type, trigger)),
      promiseResolve: (id) => void this.tasks.delete(id),
      after: (id) => this.afterCallback(id),
      destroy: (id) => options.guard('async', () => this.destroyed(id)),
    }).enable()
  }

  /** What is there now, the oldest first. */
  report(): TaskReport {
    const groups = new Map(this.gone)
    const now = this.options.nowNs()
    let pending = 0
    for (const task of this.tasks.values()) {
      const stack = this.stackOf(task)
      if (stack === '') continue
      pending++
      this.add(groups, 'pending', task, stack, (now - task.startNs) / 1e6)
    }
    const sorted = [...groups.values()].sort((a, b) => b.ageMs - a.ageMs)
    const { neverSettled, orphans, unwatched } = this
    return { groups: sorted.slice(0, MAX_GROUPS), pending, neverSettled, orphans, unwatched }
  }

  private begin(id: number, type: string, trigger: number): void {
    if (this.tasks.size >= MAX_TASKS) {
      this.unwatched++
      return
    }
    const span = this.options.currentSpan()
    const task: Task = { type, startNs: this.options.nowNs(), place: {}, span }
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = STACK_FRAMES
    Error.captureStackTrace(task.place)
    Error.stackTraceLimit = stackTraceLimit
    const triggered = span === undefined ? this.tasks.get(trigger)?.span : undefined
    if (triggered !== undefined) this.noteOrphan({ ...task, span: triggered })
    this.tasks.set(id, task)
  }

  /** Node takes its time to destroy an immediate that has run. */
  private afterCallback(id: number): void {
    if (this.tasks.get(id)?.type === 'Immediate') this.tasks.delete(id)
  }

  private destroyed(id: number): void {
    const task = this.tasks.get(id)
    if (task === undefined) return
    this.tasks.delete(id)
    // A promise is taken off when it settles: this one was collected before.
    if (task.type !== 'PROMISE') return
    const stack = this.stackOf(task)
    if (stack === '') return
    this.neverSettled++
    if (this.gone.size < MAX_PLACES) this.add(this.gone, 'never settled', task, stack, 0)
  }

  private noteOrphan(task: Task): void {
    const stack = this.stackOf(task)
    if (stack === '') return
    this.orphans++
    if (this.gone.size < MAX_PLACES) this.add(this.gone, 'orphan', task, stack, 0)
  }

  private add(groups: Map<string, TaskGroup>, state: TaskState, task: Task, stack: string, ageMs: number): void {
    const { type, span } = task
    const spanName = span?.name ?? ''
    const key = `${state}\0${type}\0${spanName}\0${stack}`
    const group = groups.get(key)
    if (group !== undefined) {
      group.count++
      if (ageMs < group.ageMs) return
      group.ageMs = ageMs
      return
    }
    const id = span === undefined ? '' : this.options.idOf(span)
    groups.set(key, { state, type, count: 1, ageMs, stack, span: id, spanName, spanEnded: span?.ended === true })
  }

  /** Frames of the app and its packages; empty where there are none but those of Node and the agent. */
  private stackOf({ place }: Task): string {
    const own = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')
    let text = ''
    try {
      // The app's own way of writing stacks is the app's code: it is not run here.
      Object.defineProperty(Error, 'prepareStackTrace', { value: undefined, configurable: true, writable: true })
      text = place.stack ?? ''
    } finally {
      if (own === undefined) delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace
      else Object.defineProperty(Error, 'prepareStackTrace', own)
    }
    const frames = text.split('\n').filter((line) => /^\s+at .*[:/\\].*:\d+:\d+\)?$/.test(line))
    const app = frames.filter((line) => !/[( ]node:/.test(line) && !line.includes(this.options.agentFolder))
    // The promise of a whole module.
    if (app.length === 1 && /:1:1\)?$/.test(app[0] ?? '')) return ''
    return app.slice(0, 3).join('\n')
  }
}

/** Begins to watch. */
export function watchTasks(options: AsyncTasksOptions): AsyncTasks {
  return new AsyncTasks(options)
}
