import type { OptimizeOutcome } from '../../analysis/optimize/optimize.ts'
import type { Candidate } from '../../analysis/queue/candidate.ts'
import { counted } from './format.ts'
import { cut, oneLine } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'

const MOST_FILES = 20

/** What came of an optimisation, for people. */
export function renderOutcome(terminal: Terminal, candidate: Candidate, outcome: OptimizeOutcome): string {
  const { paint, width } = terminal
  const { verdict, reason, changes, tests, benchmark, rejected_files } = outcome
  const mark = verdict === 'kept' ? paint.green('kept    ') : paint.red('rejected')
  const files = changes.slice(0, MOST_FILES).map(({ path, kind }) => `${kind.padEnd(8)} ${cut(path, width - 19, terminal)}`)
  const lines = [
    `${mark}  ${wrap(oneLine(reason), width - 10, '          ')}`,
    paint.dim(`          ${candidate.id}`),
    `          tests ${tests}${benchmark === null ? '' : `, benchmark of ${counted(benchmark.rounds, 'round')}`}`,
    ...files.map((line) => `          ${line}`),
    ...(changes.length > MOST_FILES ? [`          + ${counted(changes.length - MOST_FILES, 'more file')}`] : []),
    verdict === 'kept'
      ? '          The change is in the working tree; nothing is staged or committed.'
      : '          Every file is as it was.',
    ...(rejected_files === null ? [] : [`          What was rejected: ${rejected_files}`]),
  ]
  return `${lines.join('\n')}\n`
}
