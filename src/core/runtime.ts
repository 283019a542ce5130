import type { Recorder, RemoteContext } from './recorder.ts'

/** What a wrapper needs of the running agent. */
export interface Runtime {
  readonly recorder: Recorder
  /** False while recording is switched off. */
  recording: boolean
  parseTraceparent(header: string, tracestate: string | undefined): RemoteContext | undefined
  allowsPropagation(host: string | undefined): boolean
  /** Whether messages carry `traceparent`. */
  readonly propagatesMessages: boolean
  /** The ids of its span are put into every line of a log (`PERF_LOG_TRACE_IDS`). */
  stampsLogs: boolean
  /** Name of the integration whose `start` must fail, for the conformance suite (`PERF_TEST_FAULT`). */
  readonly fault: string
}
