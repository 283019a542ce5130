import type { QualityReport } from '../../../analysis/scoring/baselines.ts'
import type { ScoreReport, ScorerReport } from '../../../analysis/scoring/score-report.ts'
import type { Quality } from '../../score-sessions.ts'
import { count, counted, share } from '../format.ts'
import { cut, oneLine, table, type TableColumn } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { wrap } from '../wrap.ts'
import { bars } from './choices.ts'

const right = (head: string): TableColumn => ({ head, align: 'right' })

/** Scores by scorer, quality against the baseline, and the worst calls; empty where nothing was scored. */
export function renderQuality(terminal: Terminal, quality: Quality): string {
  const { scores } = quality
  if (scores === null) return ''
  const { paint } = terminal
  return [
    `${paint.bold('Quality')}\n${head(scores, quality)}\n${scorers(terminal, scores.scorers)}`,
    quality.quality.length === 0 ? '' : `${paint.bold('Against earlier sessions')}\n${against(terminal, quality)}`,
    scores.lowest.length === 0 ? '' : `${paint.bold('Lowest scores')}\n${lowest(terminal, scores)}`,
  ]
    .filter((text) => text !== '')
    .join('\n\n')
}

function head({ calls, overall }: ScoreReport, { scored, unsaved }: Quality): string {
  const part =
    scored === null || scored.calls === scored.total
      ? ''
      : ` (${count(scored.calls)} of ${count(scored.total)}, as many of each agent, tool and model)`
  return `${overall === null ? '-' : overall.toFixed(3)} over ${counted(calls, 'call')}${part}${unsaved ? '; not kept: the folder of the session cannot be written' : ''}`
}

function scorers(terminal: Terminal, rows: readonly ScorerReport[]): string {
  const failures = ({ threw, timeout, invalid }: ScorerReport): number => threw + timeout + invalid
  const counts: { head: string; of: (row: ScorerReport) => number }[] = [
    { head: 'n/a', of: (row) => row.skipped },
    { head: 'unknown', of: (row) => row.unknown },
    { head: 'failed', of: failures },
  ]
  // What happened to none is left out: the reasons take its room.
  const shown = counts.filter(({ of }) => rows.some((row) => of(row) > 0))
  const columns = [
    { head: 'scorer' },
    ...['weight', 'mean', 'below 0.5', 'scored', ...shown.map(({ head: name }) => name)].map(right),
    { head: 'why', flexible: true },
  ]
  return table(
    terminal,
    columns,
    rows.map((row) => [
      cut(row.scorer, 24, terminal), String(row.weight), row.mean === null ? '-' : row.mean.toFixed(3), row.low === null ? '-' : share(row.low, 1), count(row.scored),
      ...shown.map(({ of }) => (of === failures && of(row) > 0 ? terminal.paint.red(count(of(row))) : count(of(row)))), oneLine(row.reason ?? ''),
    ]), // prettier-ignore
  )
}

function against(terminal: Terminal, { quality, earlier }: Quality): string {
  const columns = [
    { head: 'what', flexible: true },
    { head: '' },
    ...['calls', 'now', 'before'].map(right),
    { head: 'verdict' },
    { head: 'course' },
  ]
  const rows = quality.map((row) => [
    oneLine(row.name), row.kind, count(row.calls), row.mean.toFixed(3), row.baseline === null ? '-' : row.baseline.toFixed(3), verdictOf(terminal, row),
    row.course.map((mean) => (mean === null ? '-' : bars(terminal, [mean]))).join(''),
  ]) // prettier-ignore
  const drops = quality.filter(({ verdict }) => verdict === 'drop').map(dropLine)
  const basis =
    earlier.length === 0
      ? 'No earlier session of the service holds scores.'
      : `Baseline: ${count(earlier.length)} earlier ${earlier.length === 1 ? 'session' : 'sessions'} of the service.`
  return [
    table(terminal, columns, rows),
    ...drops.map((line) => terminal.paint.red(wrap(line, terminal.width))),
    terminal.paint.dim(basis),
  ].join('\n')
}

/** The drop of one agent, tool or model in a sentence. */
export function dropLine({ kind, name, mean, baseline, p, fell_most: scorer, fell_by: by }: QualityReport): string {
  const most = scorer === null || by === null ? '' : `; ${scorer} fell most, by ${by.toFixed(2)}`
  return `${kind} ${oneLine(name)}: quality dropped from ${(baseline ?? 0).toFixed(3)} to ${mean.toFixed(3)} (p ${p !== null && p < 0.001 ? '< 0.001' : `= ${(p ?? 1).toFixed(3)}`})${most}.`
}

function verdictOf({ paint }: Terminal, { verdict, trend }: QualityReport): string {
  const text = verdict === 'drop' ? paint.red(verdict) : verdict === 'rise' ? paint.green(verdict) : verdict
  return trend === null || Math.abs(trend) < 0.95 ? text : `${text}, ${trend < 0 ? 'falling' : 'rising'}`
}

function lowest(terminal: Terminal, { lowest: rows }: ScoreReport): string {
  return rows
    .map((row) =>
      cut(`${row.score.toFixed(2)}  ${row.trace_id.slice(0, 8)}  ${oneLine(row.name)}: ${oneLine(row.reasons)}`, terminal.width, terminal),
    )
    .join('\n')
}
