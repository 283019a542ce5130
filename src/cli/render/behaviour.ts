import { endOf } from '../behaviour/compare-runs.ts'
import type { BothWays } from '../behaviour/run-both-ways.ts'
import type { CommandRun } from '../behaviour/run-command.ts'
import { countText } from '../behaviour/test-results.ts'
import { cut } from './table.ts'
import type { Terminal } from './terminal.ts'
import { wrap } from './wrap.ts'

const MAX_DIFFERENCES = 10

/** The runs of a command without and with the agent, for people: a line each, then what was not the same. */
export function renderBehaviour(terminal: Terminal, { without, recorded, differences, flaky }: BothWays): string {
  const { paint, width } = terminal
  const lines = ['', ...without.map((run) => `without the agent  ${runText(run)}`), `with the agent     ${runText(recorded)}`]
  if (recorded.results === undefined && without.every(({ results }) => results === undefined))
    lines.push(wrap('! no test results were recognised: only the exit codes are compared (--results <file> reads a reporter\'s file)', width, '  ')) // prettier-ignore
  else if (recorded.results?.isNamed === false)
    lines.push(wrap('! the output does not name every test: compared by file and number (a reporter that names them, or --results <file>, tells more)', width, '  ')) // prettier-ignore
  if (flaky.length > 0) {
    lines.push('', 'Not the same between the runs without the agent, so not held against it')
    lines.push(
      ...flaky
        .slice(0, MAX_DIFFERENCES)
        .map(({ what, without: one, with: other }) => `  ${cut(`${what}: ${one}, then ${other}`, width - 2, terminal)}`),
    )
    if (flaky.length > MAX_DIFFERENCES) lines.push(`  + ${flaky.length - MAX_DIFFERENCES} more`)
  }
  if (differences.length > 0) {
    lines.push('', paint.red('Rejected: the command does not behave the same with the agent'))
    lines.push(...differences.slice(0, MAX_DIFFERENCES).flatMap(({ what, without: one, with: other }) => [`  ${cut(what, width - 2, terminal)}`, `    ${cut(`without: ${one}; with: ${other}`, width - 4, terminal)}`])) // prettier-ignore
    if (differences.length > MAX_DIFFERENCES) lines.push(`  + ${differences.length - MAX_DIFFERENCES} more (--json)`)
    if (without.length === 1) lines.push(wrap('If the tests are flaky: --baseline-runs 3 tells what differs by itself.', width, '  '))
  }
  if (differences.length === 0 && recorded.code !== 0)
    lines.push(wrap('! the command itself fails, without the agent, too: the audit ends with exit code 1', width, '  '))
  return `${lines.join('\n')}\n\n`
}

function runText(run: CommandRun): string {
  const end = run.signal === null ? `exit ${run.code}` : `ended by ${endOf(run)}`
  const tests = run.results === undefined ? [] : [`${run.results.framework}: ${countText(run.results)}`]
  return [end, ...tests, `${run.seconds.toFixed(1)} s`].join('  ')
}
