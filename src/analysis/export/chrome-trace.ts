import type { SessionReader } from '../../store/query.ts'
import type { FlameFrame, ThreadSamples } from '../cpu/flame-data.ts'

interface TraceEvent {
  ph: 'X' | 'b' | 'e' | 'M'
  name: string
  cat?: string
  pid: number
  tid: number
  /** Microseconds. */
  ts?: number
  dur?: number
  id?: string
  args?: object
}

interface SpanTimes {
  span_id: string
  trace_id: string
  name: string
  layer: string
  start_ns: string | number
  duration_ms: number
  pid: number
  thread: number
  status: string
}

/** After a longer pause between two samples, in microseconds, nothing ran on: it was idle, or the filter took samples away. */
const PAUSE_US = 1000

/** Trace events for chrome://tracing, DevTools and Perfetto: spans as asynchronous slices by trace, samples as slices of functions per thread. */
export async function toChromeTrace(
  reader: SessionReader,
  frames: ReadonlyMap<number, FlameFrame>,
  threads: readonly ThreadSamples[],
): Promise<object> {
  const spans = await reader.rows<SpanTimes>(
    `SELECT span_id, trace_id, name, layer, (s.start_ns / 1e3)::DOUBLE AS start_ns, duration_ms, p.pid, thread, status
     FROM spans s JOIN processes p USING (process) WHERE duration_ms IS NOT NULL ORDER BY s.start_ns`,
  )
  const firstUs = Math.min(
    spans.length > 0 ? Number(spans[0]?.start_ns) : Infinity,
    ...threads.map(({ samples }) => (samples[0]?.timeNs ?? Infinity) / 1000),
  )
  const events: TraceEvent[] = []
  const places = new Map<string, { pid: number; tid: number; service: string | null }>()
  for (const thread of threads) {
    places.set(`${thread.pid} ${thread.thread}`, { pid: thread.pid, tid: thread.thread, service: thread.service })
    addSlices(events, frames, thread, firstUs)
  }
  for (const span of spans) {
    const { pid, thread: tid, name, layer: cat, trace_id: id } = span
    const key = `${pid} ${tid}`
    if (!places.has(key)) places.set(key, { pid, tid, service: null })
    const ts = Number(span.start_ns) - firstUs
    events.push({ ph: 'b', name, cat, pid, tid, ts, id, args: { span: span.span_id, status: span.status } })
    events.push({ ph: 'e', name, cat, pid, tid, ts: ts + span.duration_ms * 1000, id })
  }
  const names = [...places.values()].flatMap(({ pid, tid, service }): TraceEvent[] => [
    { ph: 'M', name: 'process_name', pid, tid, args: { name: service ?? `process ${pid}` } },
    { ph: 'M', name: 'thread_name', pid, tid, args: { name: tid === 0 ? 'main thread' : `thread ${tid}` } },
  ])
  return { displayTimeUnit: 'ms', otherData: { session: reader.session.name }, traceEvents: [...names, ...events] }
}

/** Consecutive samples with the same outer functions are one slice of each of those. */
function addSlices(events: TraceEvent[], frames: ReadonlyMap<number, FlameFrame>, thread: ThreadSamples, firstUs: number): void {
  const { pid, thread: tid } = thread
  let open: { frame: number; from: number }[] = []
  let endUs = 0
  // Whole microseconds: sums of fractions would let a slice end after the one around it.
  const at = (us: number): number => Math.round(us - firstUs)
  const close = (depth: number): void => {
    for (const { frame, from } of open.slice(depth)) {
      const dur = at(endUs) - from
      if (dur <= 0) continue
      const known = frames.get(frame)
      const args = known?.file === null || known === undefined ? {} : { file: known.file, line: known.line }
      events.push({ ph: 'X', name: known?.function ?? '(unknown)', cat: 'cpu', pid, tid, ts: from, dur, args })
    }
    open = open.slice(0, depth)
  }
  for (const sample of thread.samples) {
    const timeUs = sample.timeNs / 1000
    let same = 0
    if (timeUs - endUs < PAUSE_US) while (same < open.length && open[same]?.frame === sample.frames[same]) same++
    close(same)
    open = [...open, ...sample.frames.slice(same).map((frame) => ({ frame, from: at(timeUs) }))]
    endUs = timeUs + sample.us
  }
  close(0)
}
