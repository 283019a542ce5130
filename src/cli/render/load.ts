import type { RecordedRequest } from '../../analysis/load-traces.ts'
import type { LoadFigures } from '../../load/figures.ts'
import type { StressResult } from '../../load/find-limit.ts'
import { bytes, count, counted, duration, share } from './format.ts'
import { oneLine, table, visible, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

/** The figures of a load run. */
export function loadFigures(terminal: Terminal, figures: LoadFigures): string {
  const { latency_ms: latency } = figures
  const answers = Object.entries(figures.statuses).map(([status, n]) => `${status}: ${count(n)}`)
  const errors = Object.entries(figures.errors).map(([error, n]) => `${error}: ${count(n)}`)
  const failed = `${count(figures.failed)} failed (${share(figures.failed, figures.requests)})`
  const lines = [
    `${terminal.paint.bold(counted(figures.requests, 'request'))} in ${duration(figures.duration_ms)}, ${rate(figures.requests_per_second)}, ${bytes(figures.bytes)}`,
    `${[...answers, ...errors].join('  ')}${figures.failed > 0 ? `  ${terminal.paint.red(failed)}` : ''}`,
    ...(figures.unsent > 0
      ? [terminal.paint.yellow(`${count(figures.unsent)} were due and not sent: every connection was busy (-c)`)]
      : []),
  ]
  const columns: TableColumn[] = Object.keys(latency).map((head) => ({ head: head.replace('_', '.'), align: 'right' }))
  return `${lines.join('\n')}\n\n${table(terminal, columns, [Object.values(latency).map(duration)])}\n\n${bars(terminal, figures)}`
}

const rate = (perSecond: number): string =>
  `${perSecond >= 100 ? Math.round(perSecond).toLocaleString('en-US') : perSecond.toFixed(1)} a second`

function bars(terminal: Terminal, { histogram, requests }: LoadFigures): string {
  const most = Math.max(1, ...histogram.map((bucket) => bucket.requests))
  const label = (ms: number): string => (Number.isFinite(ms) ? `< ${duration(ms)}` : 'more')
  const width = Math.max(...histogram.map(({ to_ms }) => visible(label(to_ms))), 0)
  return histogram
    .map((bucket) => {
      const length = Math.round((bucket.requests / most) * Math.min(40, terminal.width - 30))
      const bar = (terminal.unicode ? '█' : '#').repeat(bucket.requests > 0 ? Math.max(1, length) : 0)
      return `${label(bucket.to_ms).padStart(width)}  ${terminal.paint.cyan(bar)} ${terminal.paint.dim(`${count(bucket.requests)} (${share(bucket.requests, requests)})`)}`
    })
    .join('\n')
}

/** The slowest requests and what the server recorded of them. */
export function slowRequests(
  terminal: Terminal,
  figures: LoadFigures,
  recorded: readonly RecordedRequest[],
  newest: string | undefined,
): string {
  if (figures.slowest.length === 0) return ''
  const known = new Map(recorded.map((request) => [request.trace_id, request]))
  const rows = figures.slowest.map((slow) => {
    const request = known.get(slow.trace_id)
    const waits = request?.waited_for.filter(({ ms }) => ms >= slow.service_ms / 20) ?? []
    const parts = waits.map(({ layer, name, ms }) => `${duration(ms)} ${layer} ${oneLine(name)}`)
    const outside = request === undefined ? 0 : slow.service_ms - request.duration_ms
    if (outside > slow.service_ms / 2) parts.unshift(`${duration(outside)} not in the app`)
    return [
      duration(slow.service_ms),
      String(slow.status ?? slow.error),
      request === undefined ? terminal.paint.dim('not recorded') : `perf-agent trace ${slow.trace_id.slice(0, 12)}`,
      parts.join(', '),
    ]
  })
  const columns = [
    { head: 'slowest', align: 'right' as const },
    { head: '' },
    { head: 'its trace' },
    { head: 'where the time went', flexible: true },
  ]
  const sessions = [...new Set(recorded.map(({ session }) => session))]
  const where =
    sessions.length === 0
      ? 'No session here recorded these requests; start the server with: node --import @perf/agent app.js (same PERF_DIR)'
      : `recorded in ${sessions.join(', ')}${sessions.length === 1 && sessions[0] === newest ? '' : ` (perf-agent trace … --session ${sessions[0]})`}`
  return `${table(terminal, columns, rows)}\n${terminal.paint.dim(where)}`
}

/** The steps of a stress test and the limit they found. */
export function stressSteps(terminal: Terminal, result: StressResult, unit: string): string {
  const rows = result.steps.map(({ level, figures, broken }) => [
    count(level),
    Math.round(figures.requests_per_second).toLocaleString('en-US'),
    duration(figures.latency_ms.p50),
    duration(figures.latency_ms.p99),
    share(figures.failed, figures.requests),
    broken.length === 0 ? terminal.paint.green('holds') : terminal.paint.red(broken.join(', ')),
  ])
  const columns: TableColumn[] = [
    { head: unit, align: 'right' },
    { head: 'req/s', align: 'right' },
    { head: 'p50', align: 'right' },
    { head: 'p99', align: 'right' },
    { head: 'failed', align: 'right' },
    { head: '', flexible: true },
  ]
  const { holds, breaks } = result
  const limit =
    breaks === null
      ? `Holds ${holds === null ? 'nothing measured' : `${count(holds)} ${unit}`}, the most that was tried.`
      : holds === null
        ? `Breaks at the first step already: ${count(breaks)} ${unit}.`
        : `Limit: holds ${count(holds)} ${unit}, breaks at ${count(breaks)}.`
  return `${table(terminal, columns, rows)}\n\n${terminal.paint.bold(limit)}`
}
