import v8 from 'node:v8'
import { nowNs } from '../core/clock.ts'
import { seriesKey } from '../core/metric-units.ts'
import { ProbeValue, ProbeWord, readCollections, SPACE_FIELDS, viewProbeMemory } from '../core/probe-memory.ts'
import type { ProbeMemory } from '../core/probe-memory.ts'
import { addDelays } from './loop-delay.ts'
import { ProcessMetrics } from './process-metrics.ts'
import type { AddMetric } from './process-metrics.ts'

const INTERVAL_MS = 1000
/** A process that used less CPU than that since the last round is idle; the writer thread's own use is below it. */
const IDLE_CPU_US = 12_000
/** An idle process is measured that often: nothing changes, and measuring would be most of what it does. */
const IDLE_INTERVAL_MS = 5000
/** The first round comes earlier, so that short runs and their first collections are in. */
const FIRST_MS = 250

/** `NODE_PERFORMANCE_GC_*` as OpenTelemetry names them. */
const GC_KINDS: Readonly<Record<number, string>> = { 1: 'minor', 2: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' }

export interface RuntimeMetricsOptions {
  memory: SharedArrayBuffer
  /** Runs what must not be cut off by the end of the process; not at all once that has begun. */
  atWork(work: () => void): void
  /** Asks the app thread a question. */
  ask(question: { type: 'sample'; number: number }): void
  /** Nothing is measured before there is something to keep. */
  isRecording(): boolean
  /** Keeps a fact of this kind. */
  emit(kind: 'metrics' | 'gc' | 'fault', fact: object): void
  /** Adds what is known of the worker threads of the app. */
  addThreads?(add: AddMetric): void
  /** Called with every round of measurements, for triggers. */
  measured?(values: ReadonlyMap<string, number>): void
}

/** Measures process, heap, collector and event loop every second, in the writer thread; an idle process less often. */
export class RuntimeMetrics {
  private readonly options: RuntimeMetricsOptions
  private readonly probe: ProbeMemory
  private readonly process = new ProcessMetrics()
  private readonly spaceNames = v8.getHeapSpaceStatistics().map(({ space_name }) => space_name.replace(/_space$/, ''))
  private asked = 0
  private askedNs = 0
  private measuredNs = 0
  private lastCpuUs = 0
  private isWaiting = false
  private collectionsRead = 0
  private lost = 0
  private lastLoop = { active: 0, idle: 0 }
  private delaysNs: number[] = []
  private timer: NodeJS.Timeout | undefined
  private isFinished = false

  constructor(options: RuntimeMetricsOptions) {
    this.options = options
    this.probe = viewProbeMemory(options.memory)
  }

  /** Begins to measure. */
  start(): void {
    const round = (): void => this.options.atWork(() => this.round())
    this.timer = setTimeout(() => {
      round()
      this.timer = setInterval(round, INTERVAL_MS)
    }, FIRST_MS)
  }

  stop(): void {
    clearTimeout(this.timer)
  }

  /** Adds how long something waited for the app's loop. */
  addDelay(delayNs: number): void {
    this.delaysNs.push(delayNs)
  }

  private round(): void {
    if (!this.options.isRecording() || this.isIdle()) return
    this.guarded(() => {
      this.readAnswer()
      this.measure()
      this.askAgain()
    })
  }

  private isIdle(): boolean {
    const { user, system } = process.cpuUsage()
    const usedUs = user + system - this.lastCpuUs
    this.lastCpuUs = user + system
    return usedUs < IDLE_CPU_US && nowNs() - this.measuredNs < (IDLE_INTERVAL_MS - INTERVAL_MS / 2) * 1e6
  }

  /** The last measurements of the process, once, at its end: also a short run has one. */
  finish(): void {
    if (this.isFinished || !this.options.isRecording()) return
    this.isFinished = true
    this.stop()
    this.guarded(() => {
      this.readAnswer()
      this.measure()
    })
  }

  /** Measuring must not take the writer thread down: at the first fault it ends, and the fault is kept. */
  private guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.stop()
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
      this.options.emit('fault', { where: 'metrics', message: `${name}: ${message}`, stack })
    }
  }

  private measure(): void {
    const at = nowNs()
    this.measuredNs = at
    const values = new Map<string, number>()
    const add: AddMetric = (key, value) => {
      if (value !== undefined && Number.isFinite(value)) values.set(key, value)
    }
    this.process.read(add, at)
    this.addCollections(add)
    if (this.asked > 0) this.addHeap(add)
    this.addLoop(add)
    this.options.addThreads?.(add)
    this.options.emit('metrics', { t: at, m: Object.fromEntries([...values].map(([key, value]) => [key, rounded(value)])) })
    this.options.measured?.(values)
  }

  private askAgain(): void {
    if (this.isWaiting) return
    this.isWaiting = true
    this.askedNs = nowNs()
    this.options.ask({ type: 'sample', number: ++this.asked })
  }

  /** An app thread that is blocked answers late; what it said last stays the latest that is known. */
  private readAnswer(): void {
    if (!this.isWaiting || Atomics.load(this.probe.words, ProbeWord.sample) !== this.asked) return
    this.isWaiting = false
    this.delaysNs.push(Math.max(0, (this.probe.values[ProbeValue.sampleNs] ?? 0) - this.askedNs))
  }

  private addHeap(add: AddMetric): void {
    const { values } = this.probe
    // Not answered for a whole round: the app thread is blocked, and nothing is known of its heap.
    if (this.isWaiting || (values[ProbeValue.sampleNs] ?? 0) === 0) return
    add('perf.memory.heap.used', values[ProbeValue.heapUsed])
    add('perf.memory.heap.total', values[ProbeValue.heapTotal])
    add('perf.memory.heap.limit', values[ProbeValue.heapLimit])
    add('perf.memory.external', values[ProbeValue.external])
    add('perf.memory.array_buffers', values[ProbeValue.arrayBuffers])
    add('perf.memory.malloced', values[ProbeValue.malloced])
    add('perf.memory.detached_contexts', values[ProbeValue.detachedContexts])
    const count = values[ProbeValue.spaceCount] ?? 0
    for (let i = 0; i < count; i++) {
      const at = ProbeValue.spaces + i * SPACE_FIELDS
      const space = { 'v8js.heap.space.name': this.spaceNames[i] ?? String(i) }
      // A space that was never used would only repeat zeros.
      if ((values[at] ?? 0) === 0 && (values[at + 1] ?? 0) === 0) continue
      add(seriesKey('v8js.memory.heap.space.size', space), values[at])
      add(seriesKey('v8js.memory.heap.used', space), values[at + 1])
      add(seriesKey('v8js.memory.heap.space.available_size', space), values[at + 2])
      add(seriesKey('v8js.memory.heap.space.physical_size', space), values[at + 3])
    }
  }

  private addLoop(add: AddMetric): void {
    const { values } = this.probe
    const active = values[ProbeValue.loopActiveMs] ?? 0
    const idle = values[ProbeValue.loopIdleMs] ?? 0
    const passed = active + idle - this.lastLoop.active - this.lastLoop.idle
    if (passed > 0) {
      add(seriesKey('nodejs.eventloop.time', { 'nodejs.eventloop.state': 'active' }), active / 1000)
      add(seriesKey('nodejs.eventloop.time', { 'nodejs.eventloop.state': 'idle' }), idle / 1000)
      add('nodejs.eventloop.utilization', (active - this.lastLoop.active) / passed)
      this.lastLoop = { active, idle }
    }
    addDelays(add, this.delaysNs)
    this.delaysNs = []
  }

  private addCollections(add: AddMetric): void {
    const { entries, next, lost } = readCollections(this.probe, this.collectionsRead)
    this.collectionsRead = next
    this.lost += lost
    if (this.lost > 0) add('perf.gc.lost', this.lost)
    if (entries.length === 0) return
    const rows = entries.map(({ startNs, durationNs, kind, usedAfter }) => [
      Math.round(startNs),
      Math.round(durationNs),
      GC_KINDS[kind] ?? String(kind),
      usedAfter > 0 ? usedAfter : null,
    ])
    this.options.emit('gc', { gc: rows })
  }
}

/** Nine digits say enough and keep the record small. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(9))
}
