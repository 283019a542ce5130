import { SAME_WITHIN } from '../../analysis/bench/compare-implementations.ts'
import { benchCommands } from '../bench/bench-commands.ts'
import { benchFiles } from '../bench/bench-files.ts'
import { benchFlags } from '../bench/bench-flags.ts'
import { planBench, type BenchOptions } from '../bench/bench-options.ts'

/** `perf-agent bench …`: benchmark files, combinations of flags, or commands, measured in turns and recorded. Gives the exit code. */
export async function bench(words: string[], options: BenchOptions): Promise<number> {
  const plan = planBench(words, options, SAME_WITHIN)
  if (options.flags !== undefined) return benchFlags(plan, options.flags)
  return plan.files.length > 0 ? benchFiles(plan) : benchCommands(plan)
}
