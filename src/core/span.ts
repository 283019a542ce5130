import type { SpanHolder } from './context.ts'
import type { Attributes } from './integration.ts'
import type { Trace } from './ring.ts'

/**
 * One span while it is open, and the value kept in the AsyncLocalStorage. After its end it holds ids only: a timer or
 * promise that outlives the span keeps about 150 bytes and nothing of the app. It never points to its parent.
 */
export class Span {
  readonly idHigh: number
  readonly idLow: number
  readonly parentHigh: number
  readonly parentLow: number
  readonly trace: Trace
  readonly startNs: number
  name: string
  layer: string
  integration: string
  kind: number
  flags: number
  slot = -1
  /** Interned `name` and `layer` as of the start. */
  nameId = 0
  layerId = 0
  ended = false
  /** Stands for a span of another thread: nothing is written of it here. */
  isElsewhere = false
  /** Milliseconds its code ran on this thread so far, children apart; counted only while the CPU is profiled. */
  cpuMs = 0
  /** What stands for it in the storage while a native sampler reads that. */
  holder: SpanHolder | undefined = undefined
  weight: number
  variant = ''
  /** Made below an AI call that was open: what goes out from here belongs to that call. A tool is not part of the call that asked for it. */
  isInAiCall = false
  attributes: Attributes | null
  notes: Attributes | null = null

  constructor(
    idHigh: number,
    idLow: number,
    parentHigh: number,
    parentLow: number,
    trace: Trace,
    startNs: number,
    name: string,
    layer: string,
    integration: string,
    kind: number,
    flags: number,
    weight: number,
    attributes: Attributes | null,
  ) {
    this.idHigh = idHigh
    this.idLow = idLow
    this.parentHigh = parentHigh
    this.parentLow = parentLow
    this.trace = trace
    this.startNs = startNs
    this.name = name
    this.layer = layer
    this.integration = integration
    this.kind = kind
    this.flags = flags
    this.weight = weight
    this.attributes = attributes
  }

  /** False when the trace was sampled out: nothing of it is written. */
  get isRecording(): boolean {
    return this.weight > 0 && !this.ended
  }
}
