import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { UsageError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { runEnvironment } from '../commands/run.ts'
import { compareRuns, type Comparison } from './compare-runs.ts'
import { withReporter } from './reporter.ts'
import { readResultsFile } from './results-file.ts'
import { assertNotInterrupted, runCommand, type CommandRun, type PassThrough } from './run-command.ts'
import { sorted, type TestResults } from './test-results.ts'

/** A command run without and with the agent. */
export interface BothWays extends Comparison {
  command: string[]
  without: CommandRun[]
  recorded: CommandRun
  /** Folder of the session. */
  session: string
}

export interface BothWaysOptions extends CommonOptions {
  baselineRuns: number
  /** Files in which a reporter of the command puts its results, instead of its output. */
  results: string[]
  passThrough: PassThrough
  /** Told before each run; `withAgent` for the last. */
  onRun(run: number, total: number, withAgent: boolean): void
}

/** Runs a command first without the agent, then with it, and compares. */
export async function runBothWays(command: string[], options: BothWaysOptions): Promise<BothWays> {
  const [program = '', ...args] = command
  const base = coloured(process.env)
  const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-audit-'))
  const once = async (environment: NodeJS.ProcessEnv, n: number): Promise<CommandRun> => {
    options.onRun(n, options.baselineRuns + 1, n > options.baselineRuns)
    const reporter = options.results.length > 0 ? undefined : withReporter(command, path.join(folder, `${n}.json`))
    const before = options.results.map(changedMs)
    const run = await runCommand(reporter?.command ?? command, environment, options.passThrough)
    const results = reporter === undefined ? givenResults(options.results, before) : resultsIn(reporter.file)
    return { ...run, results: results === undefined ? run.results : { ...results, framework: reporter?.framework ?? results.framework } }
  }
  try {
    const without: CommandRun[] = []
    for (let n = 1; n <= options.baselineRuns; n++) {
      const run = await once(withoutAgent(base), n)
      assertNotInterrupted(run)
      without.push(run)
    }
    const recordedEnvironment = runEnvironment(program, args, options, base)
    const recorded = await once(recordedEnvironment, options.baselineRuns + 1)
    return { command, without, recorded, session: recordedEnvironment['PERF_SESSION'] ?? '', ...compareRuns(without, recorded) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The same without anything of the agent: an app that loads it itself runs with it switched off. */
function withoutAgent(base: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PERF_SESSION: _session, ...environment } = base
  return { ...environment, PERF_ENABLED: 'false' }
}

/** The command writes to a pipe: where that ends on a terminal it keeps its colours, in all runs alike. */
function coloured(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSet = environment['FORCE_COLOR'] !== undefined || environment['NO_COLOR'] !== undefined
  return process.stdout.isTTY && !isSet ? { ...environment, FORCE_COLOR: '1' } : { ...environment }
}

const changedMs = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs

/** The results in a file; undefined when it is not there or holds none. */
function resultsIn(file: string): TestResults | undefined {
  return changedMs(file) === undefined ? undefined : readResultsFile(readFileSync(file, 'utf8'))
}

/** The results in the files the user named, which must be written by this run. */
function givenResults(files: readonly string[], before: readonly (number | undefined)[]): TestResults | undefined {
  const all = files.map((file, i) => {
    if (changedMs(file) === undefined || changedMs(file) === before[i]) throw new UsageError(`The command did not write ${file}.`)
    const results = resultsIn(file)
    if (results === undefined)
      throw new UsageError(`${file} holds no test results that are known (JUnit XML, JSON of jest, vitest or mocha, TAP).`)
    return results
  })
  const [first] = all
  return first === undefined ? undefined : sorted({ ...first, tests: all.flatMap(({ tests }) => tests) })
}
