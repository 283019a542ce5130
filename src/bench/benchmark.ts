import { createHash } from 'node:crypto'
import type { BenchmarkResult, ScenarioResult } from '../analysis/bench/bench-result.ts'
import { readBenchSettings } from '../config.ts'
import type { CodeVariant } from '../core/hand-api.ts'
import { UsageError } from '../errors.ts'
import { checkOutputs, type Implementation } from './check-outputs.ts'
import { measureScenario, type Labels, type MeasureOptions } from './measure-scenario.ts'
import { randomFrom } from './random.ts'
import { reporterOf, type Reporter } from './reporter.ts'
import { toScenario, type Scenario, type ScenarioSource } from './scenario.ts'
import { isRecorded } from './spans.ts'
import { scenario, standardScenarios, type StandardInputs, type StandardScenario } from './standard-scenarios.ts'
import { variantOf } from './variant-of.ts'

/** The standard scenarios whose input an implementation that takes `I` can work on. */
export type ScenarioFor<I> = { [N in StandardScenario]: StandardInputs[N] extends I ? N : never }[StandardScenario]

/** What to measure. */
export interface BenchmarkOptions<I> {
  /** Part of the names of the recorded spans. */
  name: string
  /** Synchronous or asynchronous functions of one input; the first one is what the others are compared with. */
  implementations: Readonly<Record<string, (input: I) => unknown>>
  /** Names of standard scenarios, or scenarios of your own by name. */
  scenarios: readonly ScenarioFor<I>[] | Readonly<Record<string, ScenarioSource<I>>>
  /** Of the generated data; the default is 1. */
  seed?: string | number
  /** Turns of each implementation; by default 20, fewer (at least 8) where a single call takes long. */
  rounds?: number
  /** Milliseconds of measuring for each implementation and scenario; default 1000. */
  timeMs?: number
  /** Milliseconds of running unmeasured before that; default 100. */
  warmupMs?: number
  /** Calls per sample; by default so many that a sample of the fastest implementation takes 0.5 ms. */
  batch?: number
  /** Replaces deep equality, for outputs that may differ a little. */
  isEqual?: (expected: unknown, actual: unknown) => boolean
  /** Where results go when `perf-agent bench` does not ask for them; default `table`. */
  print?: 'table' | 'json' | 'nothing'
}

/**
 * Measures implementations against each other on equal inputs, in turns, and prints a comparison. Outputs are compared first: an
 * implementation whose output differs is reported and not timed. With the agent loaded every sample is a span.
 * Throws a `UsageError` when there is nothing to measure.
 */
export async function benchmark<I>(options: BenchmarkOptions<I>): Promise<BenchmarkResult> {
  const settings = readBenchSettings(process.env)
  const implementations = options.implementations as Readonly<Record<string, Implementation>>
  const sources = scenariosOf(options)
  const [baseline] = Object.keys(implementations)
  if (typeof options.name !== 'string' || options.name === '') throw new UsageError('benchmark() needs a name.')
  if (baseline === undefined) throw new UsageError(`The benchmark '${options.name}' has no implementations.`)
  if (sources.length === 0) throw new UsageError(`The benchmark '${options.name}' has no scenarios.`)
  const seed = String(settings.seed ?? options.seed ?? 1)
  const measure: MeasureOptions = {
    rounds: settings.rounds ?? options.rounds,
    timeMs: settings.timeMs ?? options.timeMs ?? 1000,
    warmupMs: options.warmupMs ?? 100,
    batch: options.batch,
  }
  const reporter = reporterOf(settings, options.print ?? 'table')
  const variants = isRecorded ? await variantsOf(implementations) : new Map<string, CodeVariant>()
  const scenarios: ScenarioResult[] = []
  for (const [name, source] of sources) {
    const labels: Labels = { benchmark: options.name, scenario: name, variants }
    scenarios.push(await runScenario(source, seed, implementations, measure, labels, options.isEqual, reporter))
  }
  const result = { name: options.name, seed, node: process.version, pid: process.pid, baseline, scenarios }
  await reporter.done(result)
  return result
}

function scenariosOf<I>({ name, scenarios }: BenchmarkOptions<I>): [name: string, scenario: Scenario<unknown>][] {
  if (!Array.isArray(scenarios)) {
    return Object.entries(scenarios as Readonly<Record<string, ScenarioSource<unknown>>>).map(([key, source]) => [key, toScenario(source)])
  }
  return (scenarios as readonly string[]).map((key) => {
    if (!(standardScenarios as string[]).includes(key))
      throw new UsageError(`The benchmark '${name}' names the scenario '${key}'; there are ${standardScenarios.join(', ')}.`)
    return [key, scenario(key as StandardScenario)]
  })
}

async function variantsOf(implementations: Readonly<Record<string, Implementation>>): Promise<Map<string, CodeVariant>> {
  const variants = new Map<string, CodeVariant>()
  for (const [name, call] of Object.entries(implementations)) {
    const variant = await variantOf(name, call)
    if (variant !== undefined) variants.set(name, variant)
  }
  return variants
}

async function runScenario(
  source: Scenario<unknown>,
  seed: string,
  implementations: Readonly<Record<string, Implementation>>,
  measure: MeasureOptions,
  labels: Labels,
  isEqual: BenchmarkOptions<unknown>['isEqual'],
  reporter: Reporter,
): Promise<ScenarioResult> {
  const title = `${labels.benchmark}, ${labels.scenario}`
  reporter.progress(`${title}: comparing outputs`)
  const input = await source.create(randomFrom(`${seed}/${labels.scenario}`))
  try {
    const fingerprint = fingerprintOf(source.identity === undefined ? input : source.identity(input))
    const checked = await checkOutputs(implementations, input, isEqual)
    reporter.progress(`${title}: warming up`)
    const { batch, results } = await measureScenario(checked, input, measure, labels, (round, rounds) =>
      reporter.progress(`${title}: round ${round} of ${rounds}`),
    )
    const found = new Map([...checked.rejected, ...results].map((result) => [result.name, result]))
    return {
      scenario: labels.scenario,
      fingerprint,
      batch,
      copiesInput: checked.changesInput,
      implementations: Object.keys(implementations).flatMap((name) => found.get(name) ?? []),
    }
  } finally {
    await source.dispose?.(input)
  }
}

function fingerprintOf(input: unknown): string {
  const text = JSON.stringify(input, (_key, value: unknown) => {
    if (typeof value === 'bigint' || typeof value === 'function') return String(value)
    return value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value
  })
  return createHash('sha256')
    .update(text ?? String(input))
    .digest('hex')
    .slice(0, 16)
}
