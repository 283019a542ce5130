import type { QualityReport } from '../../../analysis/scoring/baselines.ts'
import type { KeptQuality } from '../../../analysis/scoring/kept-quality.ts'
import type { ScoreReport } from '../../../analysis/scoring/score-report.ts'
import { dropLine } from '../ai/quality.ts'
import { count, counted } from '../format.ts'
import { number, percent, text, type TraceLink } from './columns.ts'
import { dataTable } from './data-table.ts'
import { markup, type Markup, type Part } from './markup.ts'

/** Scores by scorer, each agent, tool and model against earlier sessions, and the calls with the lowest scores. */
export const qualityTables = ({ scores, quality, earlier }: KeptQuality, link: TraceLink): Part => [
  scorers(scores),
  against(quality, earlier.length),
  lowest(scores, link),
]

type Scorer = ScoreReport['scorers'][number]
const scorers = ({ scorers: rows, overall, calls }: ScoreReport): Part => [
  dataTable<Scorer>(
    'Quality by scorer',
    [
      text('scorer', (row) => row.scorer),
      number('weight', (row) => row.weight, String),
      { head: 'mean', isNumber: true, cell: (row) => ({ show: row.mean === null ? '-' : row.mean.toFixed(3), value: row.mean, bar: row.mean ?? 0, color: 'c-ok' }) },
      number('below 0.5', (row) => row.low, percent),
      number('scored', (row) => row.scored, count),
      number('unknown', (row) => row.unknown, count, 'could not be judged for want of recorded content'),
      text('why', (row) => row.reason ?? '', true),
    ],
    rows,
  ),
  markup`<p class="note">${overall === null ? '-' : overall.toFixed(3)} over ${counted(calls, 'call')}.</p>`,
] // prettier-ignore

type Low = ScoreReport['lowest'][number]
const lowest = ({ lowest: rows }: ScoreReport, link: TraceLink): Part =>
  dataTable<Low>(
    'Lowest scores',
    [number('score', (row) => row.score, (score) => (score ?? 0).toFixed(2)), text('call', (row) => row.name), text('why', (row) => row.reasons, true), text('trace', (row) => link(row.trace_id))],
    rows,
  ) // prettier-ignore

function against(rows: readonly QualityReport[], sessions: number): Part {
  if (rows.length === 0 || sessions === 0) return false
  const mean = (value: number | null): string => (value === null ? '-' : value.toFixed(3))
  return [
    dataTable<QualityReport>(
      'Quality against earlier sessions',
      [
        text('what', (row) => [row.name, markup` <span class="note">${row.kind}</span>`], true),
        number('calls', (row) => row.calls, count),
        number('now', (row) => row.mean, mean, 'mean of the scores of its calls'),
        number('before', (row) => row.baseline, mean, 'of the earlier sessions together'),
        text('verdict', verdict),
        { head: 'course', about: 'session by session, this one last', cell: (row) => course(row.course) },
      ],
      rows,
    ),
    rows.filter((row) => row.verdict === 'drop').map((row) => markup`<p class="note bad">${dropLine(row)}</p>`),
    markup`<p class="note">Baseline: ${counted(sessions, 'earlier session')} of the service.</p>`,
  ] // prettier-ignore
}

function verdict({ verdict: found, trend }: QualityReport): Part {
  const tone = found === 'drop' ? 'bad' : found === 'rise' ? 'good' : ''
  const turn = trend === null || Math.abs(trend) < 0.95 ? '' : `, ${trend < 0 ? 'falling' : 'rising'}`
  return tone === '' ? `${found}${turn}` : markup`<span class="${tone}">${found}</span>${turn}`
}

/** Means session by session as small bars; a session without calls of it leaves a gap. */
function course(means: readonly (number | null)[]): Markup {
  const step = Math.min(14, 140 / Math.max(1, means.length))
  const label = means.map((mean) => (mean === null ? 'none' : mean.toFixed(2))).join(', ')
  const bars = means.map((mean, i) => {
    const height = Math.max(1, Math.round((mean ?? 0) * 20))
    return mean !== null && markup`<rect class="c-s0" x="${(i * step).toFixed(1)}" width="${(step * 0.75).toFixed(1)}" y="${20 - height}" height="${height}"/>`
  }) // prettier-ignore
  return markup`<svg class="spark" role="img" aria-label="${label}">${bars}</svg>`
}
