import type { ReportData } from '../../../analysis/report.ts'
import { count, share } from '../format.ts'
import { duration } from './figures.ts'
import { layerColor } from './charts.ts'
import { code, failed, layerTag, number, text, type TraceLink } from './columns.ts'
import { dataTable, type Column } from './data-table.ts'
import { markup, type Part } from './markup.ts'

// What the app did: layers, names, endpoints, queries, errors, AI calls, caches.

type Layer = ReportData['layers'][number]

/** Share of the time by layer, as one bar, and as a table. */
export function layers(rows: readonly Layer[]): Part {
  const whole = rows.reduce((sum, row) => sum + (row.self_ms ?? 0), 0)
  let from = 0
  const parts = rows.map((row) => {
    const part = whole > 0 ? ((row.self_ms ?? 0) / whole) * 100 : 0
    const x = from
    from += part
    return markup`<rect class="${layerColor(row.layer)}" x="${x.toFixed(2)}%" width="${part.toFixed(2)}%" height="100%"><title>${row.layer} ${share(part, 100)}</title></rect>`
  })
  const table = dataTable<Layer>(
    'Time by layer',
    [
      text('layer', (row) => layerTag(row.layer), true),
      number('count', (row) => row.count, count),
      number('share', (row) => row.self_ms, (ms) => share(ms ?? 0, whole), 'of all self time'),
      ...times<Layer>(),
      number('self', (row) => row.self_ms, duration, 'time that no child covers'),
      failed(),
    ],
    rows,
  ) // prettier-ignore
  return whole > 0 ? [markup`<svg class="share" role="img" aria-label="Self time by layer">${parts}</svg>`, table] : table
}

interface Times {
  total_ms: number
  p50_ms: number
  p95_ms: number
  p99_ms: number
}

const times = <Row extends Times>(): Column<Row>[] => [
  number('total', (row: Row) => row.total_ms, duration),
  number('p50', (row: Row) => row.p50_ms, duration),
  number('p95', (row: Row) => row.p95_ms, duration),
  number('p99', (row: Row) => row.p99_ms, duration),
]

type Name = ReportData['names'][number]

/** Time by name. */
export function names(rows: readonly Name[]): Part {
  const most = Math.max(...rows.map(({ self_ms }) => self_ms ?? 0), 1e-9)
  return dataTable<Name>(
    'Time by name',
    [
      text('name', (row) => [row.name, row.target !== null && markup` <span class="note">${row.target}</span>`], true),
      text('layer', (row) => layerTag(row.layer)),
      number('count', (row) => row.count, count),
      { head: 'self', about: 'time that no child covers', isNumber: true, cell: (row) => ({ show: duration(row.self_ms), value: row.self_ms, bar: (row.self_ms ?? 0) / most, color: layerColor(row.layer) }) },
      ...times<Name>(),
      failed(),
    ],
    rows,
  ) // prettier-ignore
}

type Endpoint = ReportData['endpoints'][number]
/** Requests served. */
export const endpoints = (rows: readonly Endpoint[]): Part =>
  dataTable<Endpoint>('Endpoints', [text('route', (row) => row.route, true), number('count', (row) => row.count, count), ...times<Endpoint>(), failed()], rows) // prettier-ignore

type Query = ReportData['queries'][number]
/** Statements, slowest first. */
export const queries = (rows: readonly Query[]): Part =>
  dataTable<Query>(
    'Queries',
    [
      text('statement', (row) => code(row.statement), true),
      text('system', (row) => row.system),
      number('count', (row) => row.count, count),
      number('total', (row) => row.total_ms, duration),
      number('p50', (row) => row.p50_ms, duration),
      number('p95', (row) => row.p95_ms, duration),
      number('max', (row) => row.max_ms, duration),
      number('wait', (row) => row.pool_wait_ms, duration, 'for a connection of the pool, p95'),
      failed(),
    ],
    rows,
  )

type Failure = ReportData['errors'][number]
/** Errors by type and place. */
export const errors = (rows: readonly Failure[], link: TraceLink): Part =>
  dataTable<Failure>(
    'Errors',
    [
      number('count', (row) => row.count, count),
      text('error', (row) => row.error_type ?? '-'),
      text('where', (row) => [layerTag(row.layer), ' ', row.name, row.target !== null && markup` <span class="note">${row.target}</span>`]),
      text('message', (row) => row.message ?? '', true),
      text('last', (row) => row.last.slice(11, 19)),
      text('trace', (row) => link(row.trace_id)),
    ],
    rows,
  )

type Cache = ReportData['caches'][number]
/** Caches with what they saved and lost. */
export const cacheTable = (rows: readonly Cache[]): Part =>
  dataTable<Cache>(
    'Caches',
    [
      text('cache', (row) => row.cache, true),
      text('library', (row) => row.integration ?? '-'),
      number('hits', (row) => row.hits, count),
      number('misses', (row) => row.misses, count),
      { head: 'hit rate', isNumber: true, cell: (row) => ({ show: share(row.hit_rate, 1), value: row.hit_rate, bar: row.hit_rate, color: 'c-ok' }) },
      number('evictions', (row) => row.evictions, count),
      number('a miss costs', (row) => row.recompute_ms, duration),
      number('saved', (row) => row.saved_ms, duration, 'estimate: what the hits would have cost as misses'),
      number('lost', (row) => row.lost_ms, duration, 'estimate: what the misses cost'),
    ],
    rows,
  ) // prettier-ignore
