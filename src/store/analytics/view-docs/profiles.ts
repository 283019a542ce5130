import { ID, SPAN, PROCESS, THREAD, CODE } from './columns.ts'
import type { ViewDoc } from './columns.ts'

/** Where CPU and memory went. */
export const profileViews = {
  cpu_samples: {
    doc: 'Samples of the CPU profile (PERF_CPU) with the span whose code ran. Time the thread was idle is left out; `(program)` is native code outside of any callback.',
    columns: {
      span_id: `${ID}; null outside of any span`,
      trace_id: SPAN.trace_id,
      span_name: SPAN.name,
      layer: 'its layer',
      function: 'function that ran; `(garbage collector)`, `(program)`',
      file: 'its file, relative to the working directory, as in the source where there is a source map',
      line: 'line the function begins at, from 1; `cpu_lines` has the lines within',
      self_us: 'microseconds this sample stands for',
      time: 'when (UTC)',
      ...PROCESS,
      ...THREAD,
      stack: 'functions, outermost first, with `;` between',
      span_key: '`spans.span_key`',
    },
  },
  cpu_lines: {
    doc: 'CPU by source line. V8 counts lines per function and profile, not per sample: they cannot be told apart by span.',
    columns: { ...CODE, samples: 'samples on this line', self_us: 'microseconds they stand for', ...PROCESS, ...THREAD },
  },
  cpu_profiles: {
    doc: 'CPU profiles that were read: one per thread and rotation.',
    columns: {
      profile: 'file',
      start_time: SPAN.start_time,
      duration_ms: 'how long',
      interval_us: 'sampling interval in microseconds',
      samples: 'number of samples',
      cpu_ms: 'milliseconds of samples that were not idle',
      idle_ms: 'milliseconds of samples that were idle',
      lost_switches: 'changes of span that were not logged for want of room',
      ...PROCESS,
      ...THREAD,
    },
  },
  heap_classes: {
    doc: 'Heap snapshots by constructor (docs/heap.md).',
    columns: {
      snapshot: 'file in `heap/`, without its ending',
      time: 'when (UTC)',
      class: 'constructor, or a kind in parentheses',
      count: 'objects',
      self_bytes: 'their own size',
      retained_bytes: 'not known here: `perf-agent heap diff` says it of the classes that grew most',
      ...PROCESS,
      ...THREAD,
    },
  },
  allocations: {
    doc: 'Bytes allocated by call site, sampled (`PERF_HEAP=sampling`): one sample per 512 KB or more on average, collected objects included.',
    columns: {
      ...CODE,
      bytes: 'bytes allocated by the function itself, estimated from samples',
      stack: 'functions, outermost first, with `;` between',
      ...PROCESS,
      ...THREAD,
    },
  },
  span_allocations: {
    doc: 'Bytes allocated by the code of spans of one name (`PERF_HEAP=sampling`), measured in 1 % of the time.',
    columns: {
      name: 'name of the spans; null for code outside of every span',
      layer: 'layer of the spans',
      bytes: 'bytes allocated, estimated',
      ...PROCESS,
      ...THREAD,
    },
  },
  state_snapshots: {
    doc: "Snapshots of the app's own state: `snapshot(name, fn)` of `@perf/agent/api`.",
    columns: {
      snapshot: 'number in the order of time, from 1: for `perf-agent snapshot diff`',
      name: 'name of the state',
      time: 'when (UTC)',
      reason: '`call`, `every <n>`, the name of the span it was taken after, or what asked for it',
      span_id: 'the span that ran',
      bytes: 'size of `value` as JSON',
      truncated: 'whether something was left out because it was too large',
      error: 'what the function threw instead',
      value: 'the state, redacted',
      ...PROCESS,
      ...THREAD,
    },
  },
} satisfies Record<string, ViewDoc>
