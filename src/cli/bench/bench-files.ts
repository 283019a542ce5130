import type { BenchmarkResult } from '../../analysis/bench/bench-result.ts'
import { compareImplementations, type BenchmarkComparison } from '../../analysis/bench/compare-implementations.ts'
import { UsageError } from '../../errors.ts'
import { renderBenchmark, renderLegend } from '../render/bench.ts'
import { showProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { shownPath } from './shown-path.ts'
import { environmentOf, processesOf } from './arms.ts'
import type { BenchPlan } from './bench-options.ts'
import { runProcess, type ProcessPlan } from './run-process.ts'

const WORKER_ROUNDS = 20

/** Runs benchmark files one after the other, each in `--workers` processes at once, and prints the comparisons. Gives the exit code. */
export async function benchFiles(plan: BenchPlan): Promise<number> {
  const processes = processesOf(plan)
  const environment = environmentOf({ processes, environment: {} }, plan, '')
  const { options } = plan
  const isJson = options.json === true
  const terminal = terminalOf()
  const comparisons: BenchmarkComparison[] = []
  for (const process of processes) {
    const ofFile = await benchFile({ ...process, environment, output: isJson ? 'stderr' : 'show' }, plan)
    comparisons.push(...ofFile)
    if (!isJson) for (const comparison of ofFile) writeText(renderBenchmark(terminal, comparison))
  }
  const session = environment['PERF_SESSION'] ?? null
  if (isJson) process.stdout.write(`${JSON.stringify({ benchmarks: comparisons, session }, null, process.stdout.isTTY ? 2 : undefined)}\n`)
  else {
    const recorded = session === null ? [] : [terminal.paint.dim(`Recorded in ${shownPath(session)}.`)]
    process.stdout.write(`${[renderLegend(terminal, comparisons), ...recorded].join('\n')}\n`)
  }
  return exitCode(comparisons, options.failOn)
}

async function benchFile(
  process: Omit<ProcessPlan, 'settings'>,
  { rounds, workers, settings, sameWithin }: BenchPlan,
): Promise<BenchmarkComparison[]> {
  // Processes that run at once would choose differently.
  const turns = rounds ?? (workers > 1 ? WORKER_ROUNDS : undefined)
  const own = { ...settings, ...(turns === undefined ? {} : { rounds: turns }) }
  const progress = showProgress('bench')
  try {
    const runs = await runTogether(workers, (i, stop) => {
      const showFirst = (text: string): void => {
        if (i === 0) progress.update(text)
      }
      return runProcess({ ...process, settings: own }, showFirst, stop)
    })
    return mergeWorkers(
      process.title,
      runs.map(({ results }) => results),
      sameWithin,
    )
  } finally {
    progress.end()
  }
}

/** Runs `count` at once; when one fails the others are stopped, and its error is thrown when all are over. */
async function runTogether<T>(count: number, run: (i: number, stop: AbortSignal) => Promise<T>): Promise<T[]> {
  const controller = new AbortController()
  const running = Array.from({ length: count }, async (_, i) => {
    try {
      return await run(i, controller.signal)
    } catch (error) {
      // Those that are stopped fail, too: the reason stays the first one's.
      controller.abort(error)
      throw controller.signal.reason
    }
  })
  await Promise.allSettled(running)
  return Promise.all(running)
}

/** Each process ran the same benchmarks in the same order. */
function mergeWorkers(file: string, workers: readonly (readonly BenchmarkResult[])[], sameWithin: number): BenchmarkComparison[] {
  const [first = []] = workers
  if (first.length === 0) throw new UsageError(`${file} ran no benchmark: it must call benchmark() of @perf/agent/bench.`)
  return first.map((_, i) =>
    compareImplementations(
      workers.flatMap((results) => results[i] ?? []),
      sameWithin,
    ),
  )
}

const writeText = (text: string): void => void process.stdout.write(`${text}\n\n`)

function exitCode(comparisons: readonly BenchmarkComparison[], failOn: string | undefined): number {
  const scenarios = comparisons.flatMap((comparison) => comparison.scenarios)
  const isWrong = scenarios.some(({ rejected }) => rejected.length > 0)
  const isSlower = scenarios.some(({ implementations }) => implementations.some(({ verdict }) => verdict === 'slower'))
  return isWrong || (failOn === 'slower' && isSlower) ? 1 : 0
}
