import type { ChoiceReport } from '../../../analysis/ai/choices.ts'
import { count, counted, share } from '../format.ts'
import { oneLine, table, type TableColumn } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { wrap } from '../wrap.ts'

/** Reward, regret and convergence of each choice. */
export function choices(terminal: Terminal, list: readonly ChoiceReport[]): string {
  return list.map((choice) => one(terminal, choice)).join('\n')
}

function one(terminal: Terminal, choice: ChoiceReport): string {
  const right = (head: string): TableColumn => ({ head, align: 'right' })
  const columns = [
    { head: `${oneLine(choice.choice)}:`, flexible: true },
    ...['times', 'reward', 'gap', 'regret', 'first', 'last'].map(right),
    { head: 'share over time' },
  ]
  const rows = choice.options.map((option) => [
    option.option === choice.best ? terminal.paint.green(oneLine(option.option)) : oneLine(option.option), count(option.times), option.mean.toFixed(3),
    choice.best === null ? '-' : option.gap.toFixed(3), option.regret.toFixed(2), share(option.first_share, 1), share(option.last_share, 1), bars(terminal, option.shares),
  ]) // prettier-ignore
  return `${table(terminal, columns, rows)}\n${terminal.paint.dim(wrap(summary(choice), terminal.width))}`
}

function summary({ rewards, mean, best, regret, regret_per_choice: each, regret_by: by, regret_course: course }: ChoiceReport): string {
  const head = `${counted(rewards, 'reward')}, mean ${mean.toFixed(3)}`
  if (best === null && by === 'best known') return `${head}; no option was taken often enough (5 times) to say which is best.`
  const half = course[Math.ceil(course.length / 2) - 1] ?? 0
  const later = regret <= 0 ? '' : `; ${share(Math.max(0, regret - half), regret)} of it in the second half`
  const against = by === 'told' ? 'against the best the app knew of' : `against always taking ${best ?? '?'}`
  return `${head}; regret ${regret.toFixed(2)} (${each.toFixed(3)} a choice) ${against}${later}.`
}

/** One character per window, by share: blocks, or digits of tenths where those cannot be shown. */
export function bars(terminal: Terminal, shares: readonly number[]): string {
  const blocks = ' ▁▂▃▄▅▆▇█'
  return shares
    .map((value) =>
      terminal.unicode ? (blocks[Math.round(value * 8)] ?? ' ') : value === 0 ? '.' : String(Math.min(9, Math.floor(value * 10))),
    )
    .join('')
}
