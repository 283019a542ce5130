import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { makeFolder } from '../core/make-folder.ts'
import { nowNs } from '../core/clock.ts'
import { megabytes, type SnapshotExperience, type SnapshotPlan } from './snapshot-plan.ts'

// The writer thread's side of taking heap snapshots of the app's threads. Each is taken by a thread of its own, which lives as long as
// that takes: the writer stays free to drain the rings, and the app's event loop is needed for nothing.

/** What the thread that takes a snapshot is given. */
export interface SnapshotWork {
  /** Absolute; where the file goes. */
  folder: string
  /** File name without an ending. */
  name: string
  reason: string
  /** Whose heap; 0 is the main thread. */
  thread: number
  /** What the writer tells the app's threads in. */
  control: SharedArrayBuffer
  redact: string[]
  /** Where relative paths of PERF_REDACT start. */
  root: string
  keepTexts: boolean
  experience: SnapshotExperience | undefined
}

/** A snapshot that was taken. */
export interface TakenSnapshot {
  taken: true
  file: string
  /** Size of the file. */
  bytes: number
  objects: number
  /** How long the app stood still, in ms. */
  pauseMs: number
  plan: SnapshotPlan
}

/** One that was not, and why. */
export interface RefusedSnapshot {
  taken: false
  why: string
  plan: SnapshotPlan | undefined
}

export type SnapshotOutcome = TakenSnapshot | RefusedSnapshot

/** What that thread tells. */
export type SnapshotMessage =
  { type: 'plan'; plan: SnapshotPlan } | { type: 'taken'; snapshot: TakenSnapshot } | { type: 'failed'; why: string }

export interface HeapSnapshotOptions {
  /** Folder of the session. */
  sessionDir: string
  instance: string
  /** What the writer tells the app's threads in. */
  control: SharedArrayBuffer
  /** Bundle of the thread that takes them. */
  workerFile: string
  redact: string[]
  /** Where relative paths of PERF_REDACT start. */
  root: string
  /** Texts of the app are kept (redacted) instead of left out. */
  keepTexts: boolean
  /** Makes sure that the session's folder exists. */
  prepare(): void
  /** Notes something worth knowing with the session. */
  log(level: 'info' | 'warn', message: string, attributes: Record<string, unknown>): void
}

/** Takes heap snapshots of this process, one at a time. */
export class HeapSnapshots {
  readonly #options: HeapSnapshotOptions
  #running: Promise<SnapshotOutcome> | undefined
  /** By thread. */
  readonly #experience = new Map<number, SnapshotExperience>()
  #worker: Worker | undefined
  /** When the app stood still for the latest, monotonic ns. */
  #pause = { from: Infinity, to: Infinity }

  constructor(options: HeapSnapshotOptions) {
    this.#options = options
  }

  /**
   * For the end of the process, whose main thread waits: gives up a snapshot that has not begun, and settles when it is given up, or when
   * one that was nearly written is. Undefined when there is none.
   */
  get unfinished(): Promise<unknown> | undefined {
    if (this.#running !== undefined) this.#worker?.postMessage('stop')
    return this.#running
  }

  /**
   * Takes a heap snapshot of a thread (0: the main one) into `heap/`, unless the memory for it is not there. Never rejects.
   * @param reason what asked for it, as it is shown beside the snapshot
   * @param onPlan called before the app stands still, with how long that is expected to take
   */
  async take(reason: string, onPlan?: (plan: SnapshotPlan) => void, thread = 0): Promise<SnapshotOutcome> {
    if (this.#running !== undefined) return { taken: false, why: 'another heap snapshot is being taken', plan: undefined }
    this.#running = this.#take(reason, onPlan, thread).catch((error: unknown) => ({
      taken: false,
      why: error instanceof Error ? error.message : String(error),
      plan: undefined,
    }))
    const outcome = await this.#running
    this.#running = undefined
    this.#note(reason, outcome)
    return outcome
  }

  /** Whether a time in which the event loop stood still (monotonic ns) was mostly that of a snapshot. */
  explains(fromNs: number, toNs: number): boolean {
    return Math.min(toNs, this.#pause.to) - Math.max(fromNs, this.#pause.from) > (toNs - fromNs) / 2
  }

  async #take(reason: string, onPlan: ((plan: SnapshotPlan) => void) | undefined, thread: number): Promise<SnapshotOutcome> {
    const { sessionDir, instance, control, workerFile, redact, root, keepTexts, prepare } = this.#options
    prepare()
    const folder = path.join(sessionDir, 'heap')
    makeFolder(folder)
    const work: SnapshotWork = {
      folder,
      name: `${instance}${thread === 0 ? '' : `.${thread}`}-${Date.now()}`,
      reason,
      thread,
      control,
      redact,
      root,
      keepTexts,
      experience: this.#experience.get(thread),
    }
    const worker = new Worker(workerFile, {
      workerData: work,
      name: 'perf-agent-heap',
      env: {},
      execArgv: [],
      stdin: false,
      trackUnmanagedFds: false,
    })
    this.#worker = worker
    return await new Promise((resolve) => {
      let plan: SnapshotPlan | undefined
      worker.on('message', (message: SnapshotMessage) => {
        if (message.type === 'plan') {
          plan = message.plan
          if (plan.refusal === undefined && thread === 0) this.#pause = { from: nowNs(), to: Infinity }
          this.#announce(reason, plan)
          onPlan?.(plan)
        } else if (message.type === 'taken') {
          if (thread === 0) this.#pause.to = this.#pause.from + message.snapshot.pauseMs * 1e6
          this.#learn(message.snapshot, thread)
          resolve(message.snapshot)
        } else resolve({ taken: false, why: message.why, plan })
      })
      worker.on('error', (error) => resolve({ taken: false, why: error.message, plan }))
      worker.on('exit', () => resolve({ taken: false, why: 'the thread that took it ended early', plan }))
    })
  }

  #learn({ plan, objects, pauseMs }: TakenSnapshot, thread: number): void {
    if (objects < 1000) return
    this.#experience.set(thread, {
      bytesPerObject: Math.max(8, plan.heapUsedBytes / objects),
      pauseUsPerObject: (pauseMs * 1000) / objects,
    })
  }

  #announce(reason: string, plan: SnapshotPlan): void {
    if (plan.refusal !== undefined) return
    const { log } = this.#options
    log(
      'info',
      `heap snapshot (${reason}): the app stands still for up to ${(plan.pauseMs / 1000).toFixed(1)} s; ${megabytes(plan.heapUsedBytes)} of heap`,
      { ...plan },
    )
  }

  #note(reason: string, outcome: SnapshotOutcome): void {
    const { log } = this.#options
    if (outcome.taken) {
      const { bytes, objects, pauseMs, file } = outcome
      log('info', `heap snapshot (${reason}): taken in ${(pauseMs / 1000).toFixed(1)} s`, {
        file: path.basename(file),
        bytes,
        objects,
        pauseMs,
      })
    } else log('warn', `heap snapshot (${reason}): not taken: ${outcome.why}`, { ...outcome.plan })
  }
}
