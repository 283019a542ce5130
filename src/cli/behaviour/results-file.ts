import path from 'node:path'
import { DOMParser } from '@xmldom/xmldom'
import { parseTap } from './parse-output.ts'
import { sorted, type Outcome, type TestResult, type TestResults } from './test-results.ts'

/** The results in a file of a reporter: JUnit XML, JSON of vitest, jest or mocha, TAP; undefined when it is none of these. */
export function readResultsFile(text: string): TestResults | undefined {
  const begin = text.trimStart().charAt(0)
  const results = begin === '<' ? parseJunit(text) : begin === '{' ? parseJson(text) : parseTap(text)
  return results === undefined ? undefined : sorted(results)
}

function parseJunit(text: string): TestResults | undefined {
  let root
  try {
    root = new DOMParser({ onError: () => {} }).parseFromString(text, 'text/xml')
  } catch {
    return undefined
  }
  const cases = [...root.getElementsByTagName('testcase')]
  if (cases.length === 0 && root.getElementsByTagName('testsuites').length + root.getElementsByTagName('testsuite').length === 0) return undefined
  const has = (element: (typeof cases)[number], ...names: string[]): boolean => names.some((name) => element.getElementsByTagName(name).length > 0)
  const tests = cases.map((element): TestResult => {
    const name = [element.getAttribute('classname'), element.getAttribute('name')].filter(Boolean).join(' > ')
    return { name, outcome: has(element, 'failure', 'error') ? 'fail' : has(element, 'skipped') ? 'skip' : 'pass' }
  })
  return { framework: 'JUnit', tests, isNamed: true }
} // prettier-ignore

interface JestJson {
  testResults?: { name?: string; assertionResults?: { fullName?: string; ancestorTitles?: string[]; title?: string; status?: string }[] }[]
}

interface MochaJson {
  tests?: { fullTitle?: string; file?: string }[]
  failures?: { fullTitle?: string }[]
  pending?: { fullTitle?: string }[]
}

function parseJson(text: string): TestResults | undefined {
  let value: JestJson & MochaJson
  try {
    value = JSON.parse(text) as JestJson & MochaJson
  } catch {
    return undefined
  }
  if (Array.isArray(value.testResults))
    return { framework: 'JSON of jest or vitest', tests: value.testResults.flatMap(ofFile), isNamed: true }
  if (!Array.isArray(value.tests)) return undefined
  const named = (list: MochaJson['tests']): Set<string> => new Set((list ?? []).map(({ fullTitle = '' }) => fullTitle))
  const [failed, pending] = [named(value.failures), named(value.pending)]
  const tests = value.tests.map(({ fullTitle = '' }): TestResult => {
    return { name: fullTitle, outcome: failed.has(fullTitle) ? 'fail' : pending.has(fullTitle) ? 'skip' : 'pass' }
  })
  return { framework: 'JSON of mocha', tests, isNamed: true }
}

function ofFile({ name = '', assertionResults = [] }: NonNullable<JestJson['testResults']>[number]): TestResult[] {
  return assertionResults.map(({ ancestorTitles = [], title = '', status = '' }) => ({
    name: [path.relative(process.cwd(), name), ...ancestorTitles.filter((part) => part !== ''), title].join(' > '),
    outcome: jestStatus[status] ?? 'skip',
  }))
}

const jestStatus: Record<string, Outcome> = { passed: 'pass', failed: 'fail' }
