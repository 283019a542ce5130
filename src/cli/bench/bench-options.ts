import { UsageError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { positiveInteger } from '../commands/report.ts'

/** Options of `perf-agent bench` as commander gives them. */
export interface BenchOptions extends CommonOptions {
  flags?: string
  rounds?: string
  workers?: string
  a?: string
  b?: string
  time?: string
  seed?: string
  sameWithin?: string
  failOn?: string
  /** False with `--no-record`. */
  record?: boolean
}

/** What is to be measured, checked. */
export interface BenchPlan {
  options: BenchOptions
  /** Files with `benchmark()` calls. */
  files: string[]
  /** What stood behind `--`. */
  command: string[]
  rounds: number | undefined
  workers: number
  /** A share: 0.02 is 2 %. */
  sameWithin: number
  settings: { timeMs?: number; seed?: string }
}

/** Checks what was given together. Throws a `UsageError` that says how it is meant. */
export function planBench(words: readonly string[], options: BenchOptions, defaultSameWithin: number): BenchPlan {
  const at = process.argv.indexOf('--')
  const command = at === -1 ? [] : process.argv.slice(at + 1)
  const files = words.slice(0, words.length - command.length)
  const isPair = options.a !== undefined || options.b !== undefined
  if (isPair && (options.a === undefined || options.b === undefined))
    throw new UsageError('Two commands are compared as: perf-agent bench --a "node old.js" --b "node new.js".')
  if (isPair && (files.length > 0 || command.length > 0 || options.flags !== undefined))
    throw new UsageError('--a and --b are the two commands: leave out files, --flags and what stands behind --.')
  if (files.length > 0 && command.length > 0) throw new UsageError('Give benchmark files or, behind --, a command; not both.')
  if (!isPair && files.length === 0 && command.length === 0)
    throw new UsageError('Name what to measure: perf-agent bench sort.bench.ts, or -- node app.js, or --a "node old.js" --b "node new.js".')
  const workers = positiveInteger('--workers', options.workers ?? '1')
  if (workers > 1 && (files.length === 0 || options.flags !== undefined))
    throw new UsageError('--workers is for benchmark files, without --flags.')
  if (options.failOn !== undefined && files.length === 0 && !isPair)
    throw new UsageError('--fail-on needs something to be slower than: files, or --a and --b.')
  return {
    options,
    files,
    command,
    rounds: options.rounds === undefined ? undefined : positiveInteger('--rounds', options.rounds),
    workers,
    sameWithin: options.sameWithin === undefined ? defaultSameWithin : percent(options.sameWithin),
    settings: {
      ...(options.time === undefined ? {} : { timeMs: positiveInteger('--time', options.time) }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    },
  }
}

function percent(text: string): number {
  const value = Number(text.replace(/\s*%$/, ''))
  if (!(value > 0 && value < 100)) throw new UsageError(`--same-within takes per cent, such as 2; not '${text}'.`)
  return value / 100
}
