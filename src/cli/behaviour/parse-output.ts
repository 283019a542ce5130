import type { Outcome, OutputParser, TestResult } from './test-results.ts'

// What test runners write to the terminal, without colours. Durations are left out.

/** vitest: file by file with counts, or with names (`--reporter=verbose`). */
export const parseVitest: OutputParser = (text) => {
  if (!/^ *Test Files .*\(\d+\)$/m.test(text)) return undefined
  const tests: TestResult[] = []
  const failed: TestResult[] = []
  let isNamed = true
  for (const line of text.split('\n')) {
    const named = /^ ([✓×↓□]) (.+ > .+?)( \d+(\.\d+)?m?s)?$/.exec(line)
    const file = /^ [✓❯×↓] (\S.*?) \((\d+) tests?(?: \| ([^)]*))?\)/.exec(line)
    const failure = /^ FAIL {1,2}(.+)$/.exec(line)
    if (named !== null) tests.push({ name: named[2] ?? '', outcome: vitestMarks[named[1] ?? ''] ?? 'pass' })
    else if (file !== null) {
      isNamed = false
      tests.push(...counted(file[1] ?? '', Number(file[2]), file[3] ?? ''))
    } else if (failure !== null) failed.push({ name: failure[1] ?? '', outcome: 'fail' })
  }
  // With names, the list of failures repeats what is known.
  return { framework: 'vitest', tests: isNamed ? tests : [...tests, ...failed], isNamed }
}

const vitestMarks: Record<string, Outcome> = { '✓': 'pass', '×': 'fail', '↓': 'skip', '□': 'skip' }

/** `4 tests`, `1 failed | 2 skipped` as so many results of a file. */
function counted(name: string, total: number, parts: string): TestResult[] {
  const count = (word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(parts)?.[1] ?? 0)
  const failed = count('failed')
  const skipped = count('skipped') + count('todo')
  const of = (outcome: Outcome, times: number): TestResult[] => Array.from({ length: Math.max(0, times) }, () => ({ name, outcome }))
  return [...of('fail', failed), ...of('skip', skipped), ...of('pass', total - failed - skipped)]
}

/** jest: names where it is verbose (one file, or `--verbose`), else files and the names of what failed. */
export const parseJest: OutputParser = (text) => {
  if (!/^Tests: .*\d+ total$/m.test(text)) return undefined
  const tests: TestResult[] = []
  const files: TestResult[] = []
  const failed = new Set<string>()
  const nesting = new Nesting()
  let file = ''
  for (const line of text.split('\n')) {
    const begin = /^(PASS|FAIL) (?:\.\/)?(\S+)/.exec(line)
    const test = /^( +)([✓✕○✎]) (?:skipped |todo )?(.+?)(?: \(\d+(?:\.\d+)? m?s\))?$/.exec(line)
    const failure = /^ {2}● (.+ › .+|\S.*)$/.exec(line)
    if (begin !== null) {
      file = begin[2] ?? ''
      nesting.clear()
      files.push({ name: file, outcome: begin[1] === 'PASS' ? 'pass' : 'fail' })
    } else if (test !== null) tests.push({ name: [file, ...nesting.at(indentOf(line)), test[3] ?? ''].join(' > '), outcome: jestMarks[test[2] ?? ''] ?? 'pass' })
    else if (failure !== null) failed.add(`${file} > ${failure[1] ?? ''}`)
    else if (/^ +\S/.test(line)) nesting.open(indentOf(line), line.trim())
  }
  const isNamed = tests.length > 0
  const byFile = [...files, ...[...failed].map((name): TestResult => ({ name, outcome: 'fail' })), ...totals(text)]
  return { framework: 'jest', tests: isNamed ? tests : byFile, isNamed }
} // prettier-ignore

const jestMarks: Record<string, Outcome> = { '✓': 'pass', '✕': 'fail', '○': 'skip', '✎': 'skip' }

/** `Tests:       1 failed, 2 passed, 3 total` as results without names. */
function totals(text: string): TestResult[] {
  const line = /^Tests: +(.*)$/m.exec(text)?.[1] ?? ''
  const total = Number(/(\d+) total/.exec(line)?.[1] ?? 0)
  return counted('tests in total', total, line)
}

/** node:test with the reporter `spec`. */
export const parseNodeSpec: OutputParser = (text) => {
  if (!/^ℹ tests \d+$/m.test(text)) return undefined
  const tests: TestResult[] = []
  const nesting = new Nesting()
  for (const line of (text.split('\n✖ failing tests:')[0] ?? '').split('\n')) {
    const suite = /^ *▶ (.+?)( \(\d+(\.\d+)?ms\))?$/.exec(line)
    const test = /^ *([✔✖﹣⚠]) (.+?)(?: \(\d+(?:\.\d+)?ms\))?( # (?:SKIP|TODO).*)?$/.exec(line)
    const indent = indentOf(line)
    if (suite !== null) {
      // With a duration it is the end of the suite (Node 20 before 20.17).
      if (suite[2] === undefined) nesting.open(indent, suite[1] ?? '')
    } else if (test !== null) {
      const [, mark = '', name = '', directive] = test
      // The end of a suite repeats its name.
      if (nesting.closes(indent, name)) continue
      tests.push({ name: [...nesting.at(indent), name].join(' > '), outcome: outcomeOf(mark === '✖', directive, mark === '﹣') })
    }
  }
  return { framework: 'node:test', tests, isNamed: true }
}

/** mocha with its reporter `spec`; of others (`dot`, `min`) the totals. */
export const parseMocha: OutputParser = (text) => {
  const summary = /^ +\d+ passing( \(.+\))?$/m.exec(text)
  if (summary === null) return undefined
  const tests: TestResult[] = []
  const nesting = new Nesting()
  for (const line of text.slice(0, summary.index).split('\n')) {
    const test = /^ {2,}(?:([✓✔√]) (.+?)(?: \(\d+m?s\))?|(\d+\)) (.+)|(-) (.+))$/.exec(line)
    const indent = indentOf(line)
    if (test !== null) {
      const outcome: Outcome = test[1] !== undefined ? 'pass' : test[3] !== undefined ? 'fail' : 'skip'
      tests.push({ name: [...nesting.at(indent), test[2] ?? test[4] ?? test[6] ?? ''].join(' > '), outcome })
    } else if (/^ {2,}\S/.test(line)) nesting.open(indent, line.trim())
  }
  const isNamed = tests.length > 0
  const count = (word: string): number => Number(new RegExp(`^ +(\\d+) ${word}\\b`, 'm').exec(text)?.[1] ?? 0)
  const [passed, failed, pending] = [count('passing'), count('failing'), count('pending')]
  const whole = counted('tests in total', passed + failed + pending, `${failed} failed, ${pending} skipped`)
  return { framework: 'mocha', tests: isNamed ? tests : whole, isNamed }
}

/** TAP 13 and 14 (node:test, tape, tap): nested tests by their indentation. */
export const parseTap: OutputParser = (text) => {
  const isTap = /^TAP version \d+$/m.test(text) || (/^1\.\.\d+/m.test(text) && /^(not )?ok \d+/m.test(text))
  if (!isTap) return undefined
  const tests: TestResult[] = []
  const nesting = new Nesting()
  let insideYaml = false
  for (const line of text.split('\n')) {
    if (/^ *---$/.test(line)) insideYaml = true
    else if (/^ *\.\.\.$/.test(line)) insideYaml = false
    if (insideYaml) continue
    const subtest = /^ *# Subtest: (.+)$/.exec(line)
    const test = /^ *(not )?ok(?: \d+)?(?: -)?(?: (.*?))??(?: # (skip|todo)\b.*)?(?: # time=.*)?$/i.exec(line)
    const indent = indentOf(line)
    if (subtest !== null) nesting.open(indent, subtest[1] ?? '')
    else if (test !== null) {
      const name = [...nesting.at(indent), test[2] ?? ''].join(' > ')
      // What holds others is told by them.
      const holdsOthers = tests.some((known) => known.name.startsWith(`${name} > `))
      if (!holdsOthers || test[1] !== undefined) tests.push({ name, outcome: outcomeOf(test[1] !== undefined, test[3], false) })
      nesting.closes(indent, test[2] ?? '')
    }
  }
  return { framework: 'TAP', tests, isNamed: true }
}

function outcomeOf(failed: boolean, directive: string | undefined, skipped: boolean): Outcome {
  return directive !== undefined || skipped ? 'skip' : failed ? 'fail' : 'pass'
}

const indentOf = (line: string): number => /^ */.exec(line)?.[0].length ?? 0

/** Suites around a line, by indentation. */
class Nesting {
  #open: { indent: number; name: string }[] = []

  clear(): void {
    this.#open = []
  }

  open(indent: number, name: string): void {
    this.#open = [...this.#open.filter((suite) => suite.indent < indent), { indent, name }]
  }

  /** Names of the suites around a line. */
  at(indent: number): string[] {
    return this.#open.filter((suite) => suite.indent < indent).map(({ name }) => name)
  }

  /** Whether a line ends the open suite of this name, and ends it. */
  closes(indent: number, name: string): boolean {
    const last = this.#open.findLast((suite) => suite.indent === indent)
    if (last?.name !== name) return false
    this.#open = this.#open.filter((suite) => suite.indent < indent)
    return true
  }
}
