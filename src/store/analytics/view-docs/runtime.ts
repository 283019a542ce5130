import { ID, SPAN, PROCESS, THREAD, CODE } from './columns.ts'
import type { ViewDoc } from './columns.ts'

/** The event loop, pending tasks, collections, metrics and logs. */
export const runtimeViews = {
  stalls: {
    doc: 'Times the event loop of the main thread was blocked, with what blocked it.',
    columns: {
      start_time: SPAN.start_time,
      duration_ms: 'how long; exact to half the threshold (`PERF_STALLS`)',
      span_id: `${ID} of the span whose code was running`,
      call: 'synchronous call that blocked, `execSync` for one; null when it was plain code',
      ...CODE,
      stack: 'stack while blocked',
      ...PROCESS,
      ...THREAD,
    },
  },
  tasks: {
    doc: 'Asynchronous operations that were not over when they were last looked at (`PERF_ASYNC=on`): at the end of the process, else every 5 s.',
    columns: {
      state: '`pending`; `never settled`: a promise thrown away unsettled; `orphan`: begun without the span of what triggered it',
      kind: '`promise`, `timer`, `network`, `file`, `dns`, `process`, `other`',
      type: "Node's name: `PROMISE`, `Timeout`, `TCPWRAP`, …",
      count: 'how many began at this place in this span',
      age_ms: 'since when, of the oldest pending one',
      ...CODE,
      span_id: `${ID} of the span that began it`,
      span_name: 'its name',
      span_ended: 'it had ended already',
      stack: 'the place',
      time: 'when it was looked at (UTC)',
      ...PROCESS,
      ...THREAD,
    },
  },
  actions: {
    doc: 'Snapshots and profiles that a trigger or a command asked for, and what came of them.',
    columns: {
      time: 'when (UTC)',
      cause: 'the trigger as it was written, or `command`',
      action: '`snapshot`, `cpu`, `heap-sampling`, `heap-profile`, `recording`',
      outcome: '`done`, `refused`, `suppressed` (it has fired too often)',
      detail: 'one sentence',
      ...PROCESS,
    },
  },
  gc: {
    doc: 'Garbage collections of the main thread, from 250 ms after the start on.',
    columns: {
      start_time: SPAN.start_time,
      duration_ms: 'how long',
      kind: '`minor`, `major`, `incremental`, `weakcb`',
      before_bytes: 'heap in use before; null: not known',
      after_bytes: 'heap in use right after; null where the loop was too busy to look at once',
      ...PROCESS,
      ...THREAD,
    },
  },
  metrics: {
    doc: 'Measurements of the process every second, under their OpenTelemetry names (`docs/runtime.md`); those that only grow are cumulative.',
    columns: { time: 'when (UTC)', name: 'metric', value: 'value', unit: 'unit', attributes: 'attributes', ...PROCESS },
  },
  logs: {
    doc: 'Log records with their span.',
    columns: {
      time: 'when (UTC)',
      level: 'level',
      message: 'message, redacted',
      span_id: ID,
      trace_id: SPAN.trace_id,
      attributes: 'fields',
      ...PROCESS,
      ...THREAD,
    },
  },
} satisfies Record<string, ViewDoc>
