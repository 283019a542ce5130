import type { SessionReader } from '../../store/query.ts'

/** One option of a choice. */
export interface OptionReport {
  option: string
  /** How often it was taken and rewarded, weighted by sampling. */
  times: number
  mean: number
  /** How far the mean is below that of the best option. */
  gap: number
  /** Regret it caused: times × gap, or what the app said was missed. */
  regret: number
  /** Its share of the choices, window by window in the order of time, 0 to 1. */
  shares: number[]
  first_share: number
  last_share: number
}

/** What the app decided again and again, and what came of it (`reward()`). */
export interface ChoiceReport {
  choice: string
  rewards: number
  mean: number
  /** The option with the highest mean of those taken often enough; null while none was. */
  best: string | null
  regret: number
  regret_per_choice: number
  /** `best known`: against the best option's mean; `told`: against the `best` the app gave with each reward. */
  regret_by: 'best known' | 'told'
  /** Regret up to the end of each window. */
  regret_course: number[]
  options: OptionReport[]
}

interface Row {
  option: string
  value: number
  best: number | null
  weight: number
}

/** Windows of convergence. */
const WINDOWS = 10
/** An option must have been taken so often before it can be the best one known. */
const MIN_TIMES = 5

/** Every choice with rewards, the one with most regret first. */
export async function choiceReports(reader: SessionReader, limit: number): Promise<ChoiceReport[]> {
  const names = await reader.rows<{ choice: string }>(
    `SELECT choice FROM rewards WHERE option IS NOT NULL AND value IS NOT NULL GROUP BY choice ORDER BY count(*) DESC, choice LIMIT ${limit}`,
  )
  const reports: ChoiceReport[] = []
  for (const { choice } of names) {
    const rows = await reader.rows<Row>(
      `SELECT option, value, best, weight FROM rewards WHERE choice = '${choice.replaceAll("'", "''")}' AND option IS NOT NULL AND value IS NOT NULL ORDER BY time, span_key`,
    )
    reports.push(reportOf(choice, rows))
  }
  return reports.sort((a, b) => b.regret - a.regret || b.rewards - a.rewards || (a.choice < b.choice ? -1 : 1))
}

/**
 * Regret as Lattimore and Szepesvári define it (Bandit Algorithms, 2020, section 4.3 and lemma 4.5): Rₙ = Σₐ Δₐ·Tₐ(n), where Tₐ is how often
 * option a was taken and Δₐ how far its mean is below the best one's; means are those observed. Where the app says with each reward
 * what the best option would have given, it is Σ (best − value).
 */
export function reportOf(choice: string, rows: readonly Row[]): ChoiceReport {
  const total = sumOf(rows, () => 1)
  const groups = [...byOption(rows)].map(([option, own]) => {
    const times = sumOf(own, () => 1)
    return { option, own, times, mean: sumOf(own, ({ value }) => value) / times }
  })
  const means = new Map(groups.map(({ option, mean }) => [option, mean]))
  const known = groups.filter(({ own }) => own.length >= MIN_TIMES).sort((a, b) => b.mean - a.mean || (a.option < b.option ? -1 : 1))
  const best = known[0]
  const isTold = rows.every((row) => row.best !== null)
  // An option that did better in a few tries only does not make the others' regret, nor has it a negative one.
  const missed = ({ option, value, best: told }: Row): number => {
    if (isTold) return (told ?? 0) - value
    return Math.max(0, (best?.mean ?? 0) - (means.get(option) ?? 0))
  }
  const windows = windowsOf(rows)
  let regret = 0
  const course = windows.map((window) => (regret += sumOf(window, missed)))
  const quarter = Math.max(1, Math.floor(total / 4))
  const courses = windows.map(sharesOf)
  const [first, last] = [sharesOf(part(rows, 0, quarter)), sharesOf(part(rows, total - quarter, Infinity))]
  const options = groups.map(({ option, own, times, mean }) => {
    const shares = courses.map((shareOf) => shareOf(option))
    return {
      option, times: Math.round(times), mean, gap: best === undefined ? 0 : Math.max(0, best.mean - mean), regret: best === undefined && !isTold ? 0 : sumOf(own, missed), shares,
      first_share: first(option), last_share: last(option),
    } // prettier-ignore
  })
  const whole = best === undefined && !isTold ? 0 : regret
  return {
    choice, rewards: Math.round(total), mean: sumOf(rows, ({ value }) => value) / total, best: best?.option ?? null, regret: whole, regret_per_choice: whole / total,
    regret_by: isTold ? 'told' : 'best known', regret_course: course.map((value) => (best === undefined && !isTold ? 0 : value)),
    options: options.sort((a, b) => b.mean - a.mean || (a.option < b.option ? -1 : 1)),
  } // prettier-ignore
}

/** As many windows as there is room for, each of as many choices as the others. */
function windowsOf(rows: readonly Row[]): Row[][] {
  const count = Math.min(WINDOWS, rows.length)
  const choices = sumOf(rows, () => 1)
  const bound = (i: number): number => Math.round((i * choices) / count)
  return Array.from({ length: count }, (_, i) => part(rows, bound(i), bound(i + 1)))
}

/** The choices from the one number to the other, in the order of time; a row that stands for several may be on both sides of a bound. */
function part(rows: readonly Row[], from: number, to: number): Row[] {
  const found: Row[] = []
  let before = 0
  for (const row of rows) {
    const weight = Math.min(to, before + row.weight) - Math.max(from, before)
    if (weight > 0) found.push({ ...row, weight })
    before += row.weight
  }
  return found
}

const sumOf = (rows: readonly Row[], value: (row: Row) => number): number => rows.reduce((sum, row) => sum + value(row) * row.weight, 0)

function byOption(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const own = groups.get(row.option)
    if (own === undefined) groups.set(row.option, [row])
    else own.push(row)
  }
  return groups
}

/** The share of each option among the rows. */
function sharesOf(rows: readonly Row[]): (option: string) => number {
  const total = Math.max(1e-12, sumOf(rows, () => 1)) // prettier-ignore
  const times = new Map([...byOption(rows)].map(([option, own]) => [option, sumOf(own, () => 1)]))
  return (option) => (times.get(option) ?? 0) / total
}
