import { stripVTControlCharacters } from 'node:util'
import { parseJest, parseMocha, parseNodeSpec, parseTap, parseVitest } from './parse-output.ts'

/** How a test ended; one that is to do counts as skipped. */
export type Outcome = 'pass' | 'fail' | 'skip'

/** One test, or one file where the output names no tests. */
export interface TestResult {
  name: string
  outcome: Outcome
}

/** What a run of tests said. */
export interface TestResults {
  /** `vitest`, `jest`, `mocha`, `node:test`, `TAP`, `JUnit`. */
  framework: string
  /** Sorted by name; a name can occur more than once. */
  tests: TestResult[]
  /** False where passed tests are only counted, by file or in total. */
  isNamed: boolean
}

/** A format of test output: undefined when the text is not of it. */
export type OutputParser = (text: string) => TestResults | undefined

const PARSERS: readonly OutputParser[] = [parseVitest, parseJest, parseNodeSpec, parseMocha, parseTap]

/** The results in what a command wrote, colours aside; undefined when it wrote none that are known. */
export function readOutput(stdout: string, stderr: string): TestResults | undefined {
  // Runners sum up on one of the two and tell failures on the other.
  const lines = stripVTControlCharacters(`${stdout}\n${stderr}`).replaceAll('\r', '')
  for (const parse of PARSERS) {
    const results = parse(lines)
    if (results !== undefined) return sorted(results)
  }
  return undefined
}

/** The same results in the order of their names. */
export function sorted(results: TestResults): TestResults {
  const tests = results.tests.toSorted((a, b) => (a.name === b.name ? (a.outcome < b.outcome ? -1 : 1) : a.name < b.name ? -1 : 1))
  return { ...results, tests }
}

/** `12 passed, 1 failed, 2 skipped` */
export function countText({ tests }: TestResults): string {
  const count = (outcome: Outcome): number => tests.filter((test) => test.outcome === outcome).length
  const parts = [`${count('pass')} passed`]
  if (count('fail') > 0) parts.push(`${count('fail')} failed`)
  if (count('skip') > 0) parts.push(`${count('skip')} skipped`)
  return parts.join(', ')
}
