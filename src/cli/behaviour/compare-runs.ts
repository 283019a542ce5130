import type { CommandRun } from './run-command.ts'
import type { Outcome } from './test-results.ts'

/** Something that was not the same in two runs of a command. */
export interface Difference {
  /** `exit code`, or the name of a test. */
  what: string
  without: string
  with: string
}

/** What is not the same without and with the agent. */
export interface Comparison {
  differences: Difference[]
  /** What already differed between the runs without it: it proves nothing. */
  flaky: Difference[]
}

/** Compares the run with the agent with those without: exit code, and every test. What differs between the latter is told apart. */
export function compareRuns(without: readonly CommandRun[], recorded: CommandRun): Comparison {
  const [first] = without
  if (first === undefined) return { differences: [], flaky: [] }
  const flaky = without.slice(1).flatMap((run) => differencesOf(first, run))
  const known = new Set(flaky.map(({ what }) => what))
  const flakyOnce = [...new Map(flaky.map((difference) => [difference.what, difference])).values()]
  return { differences: differencesOf(first, recorded).filter(({ what }) => !known.has(what)), flaky: flakyOnce }
}

function differencesOf(a: CommandRun, b: CommandRun): Difference[] {
  const differences: Difference[] = []
  if (endOf(a) !== endOf(b)) differences.push({ what: 'exit code', without: endOf(a), with: endOf(b) })
  const [before, after] = [outcomesOf(a), outcomesOf(b)]
  if (a.results?.framework !== b.results?.framework) {
    differences.push({ what: 'test results', without: a.results?.framework ?? 'none', with: b.results?.framework ?? 'none' })
    return differences
  }
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [one, other] = [shown(before.get(name)), shown(after.get(name))]
    if (one !== other) differences.push({ what: name, without: one, with: other })
  }
  return differences
}

/** How a run ended: its exit code, or the signal. */
export function endOf({ code, signal }: CommandRun): string {
  return signal ?? String(code)
}

function outcomesOf({ results }: CommandRun): Map<string, Outcome[]> {
  const byName = new Map<string, Outcome[]>()
  for (const { name, outcome } of results?.tests ?? []) byName.set(name, [...(byName.get(name) ?? []), outcome])
  return byName
}

const WORDS: Record<Outcome, string> = { pass: 'passed', fail: 'failed', skip: 'skipped' }

/** `passed`, `2 passed, 1 failed`, `not there` */
function shown(outcomes: readonly Outcome[] | undefined): string {
  if (outcomes === undefined) return 'not there'
  if (outcomes.length === 1 && outcomes[0] !== undefined) return WORDS[outcomes[0]]
  const kinds: Outcome[] = ['pass', 'fail', 'skip']
  return kinds
    .map((kind) => [kind, outcomes.filter((outcome) => outcome === kind).length] as const)
    .filter(([, n]) => n > 0)
    .map(([kind, n]) => `${n} ${WORDS[kind]}`)
    .join(', ')
}
