import { appendFileSync } from 'node:fs'
import type { BenchmarkResult } from '../analysis/bench/bench-result.ts'
import type { BenchSettings } from '../config.ts'

/** Where progress and result of a benchmark go. */
export interface Reporter {
  progress(text: string): void
  done(result: BenchmarkResult): Promise<void>
}

/** A line of the file that `perf-agent bench` reads. */
export type ReportLine = { progress: string } | { result: BenchmarkResult }

/** Reports to `perf-agent bench` when it asked for it, else to the terminal. What prints is loaded when everything is measured. */
export function reporterOf({ output }: BenchSettings, print: 'table' | 'json' | 'nothing'): Reporter {
  if (output !== undefined) return fileReporter(output)
  if (print === 'nothing') return { progress: () => {}, done: async () => {} }
  let shown = false
  const isTerminal = process.stderr.isTTY && process.env['TERM'] !== 'dumb'
  return {
    progress(text) {
      if (!isTerminal) return
      shown = true
      process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns || 80) - 1)}`)
    },
    async done(result) {
      if (shown) process.stderr.write('\r\x1b[K')
      const { printBenchmark } = await import('../cli/render/bench.ts')
      printBenchmark(result, print)
    },
  }
}

function fileReporter(file: string): Reporter {
  const append = (line: ReportLine): void => appendFileSync(file, `${JSON.stringify(line)}\n`)
  return { progress: (progress) => append({ progress }), done: async (result) => append({ result }) }
}
