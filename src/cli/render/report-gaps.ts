import type { ReportData } from '../../analysis/report.ts'
import { count } from './format.ts'
import { cut } from './table.ts'
import type { Terminal } from './terminal.ts'

const GAP_TEXT: Record<string, string> = {
  spans_dropped: 'spans dropped, the ring was full',
  events_dropped: 'events dropped',
  payloads_dropped: 'payloads dropped',
  facts_dropped: 'facts dropped',
  slots_exhausted: 'spans without an open slot (lost only when killed)',
  attributes_truncated: 'attribute values cut at a limit',
  attributes_dropped: 'attributes left out, too many on one span',
  payloads_truncated: 'payloads cut at a limit',
  strings_exhausted: 'names not kept, too many different ones',
  logs_limited: 'lines of logs beyond PERF_LOG_LIMIT a second',
  logs_dropped: 'lines of logs dropped, the ring was half full',
  tasks_unwatched: 'asynchronous operations not watched, too many at once',
  faults: 'faults inside the agent (the app did not notice)',
  spans_rotated: 'spans rotated away (PERF_MAX_BYTES)',
  spans_unstored: 'spans ended and not stored before the process was gone',
  spans_lost: 'spans lost, the disk refused or damaged them',
  missing_blocks: 'blocks missing',
  unknown_records: 'records of a newer version skipped',
  unknown_attributes: 'attributes of a newer version skipped',
  damaged_records: 'damaged records skipped',
  damaged_blocks: 'damaged blocks skipped',
}

/** What the recording does not hold, a line each. */
export function gaps(terminal: Terminal, { gaps: data }: ReportData): string {
  return gapLines(data)
    .map((line) => cut(`- ${line}`, terminal.width, terminal))
    .join('\n')
}

/** The same as sentences, uncut. */
export function gapLines(data: ReportData['gaps']): string[] {
  return [
    ...Object.entries(data.counters).map(([name, value]) => `${GAP_TEXT[name] ?? name.replaceAll('_', ' ')}: ${count(value)}`),
    ...data.problems.map(({ source, problem }) => `${source}: ${problem}`),
    ...data.damaged.map((name) => `${name}: set aside by the writer`),
    ...data.packages.map((entry) =>
      `${entry.name} ${entry.version ?? ''} ${entry.status}${entry.reason === null ? '' : `: ${entry.reason}`}`.replace(/ +/g, ' '),
    ),
    ...data.faults.map((fault) => `fault in ${fault.place ?? 'the agent'} (${fault.count}x): ${fault.message ?? ''}`),
  ]
}
