import path from 'node:path'
import { PerfError, UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CandidateSubject, Measured } from '../queue/candidate.ts'
import { callsOf, measure } from '../queue/measure.ts'
import { judge, judgeSamples, type Judgement } from '../queue/proof.ts'
import { compareSamples } from '../statistics/compare-samples.ts'
import { runCommand, type Command, type CommandEnd } from './run-command.ts'

/** How to run the benchmark. */
export interface Benchmark {
  /** Paths in the project are those of the copy when it runs there. */
  command: Command
  root: string
  /** Folder it runs in, relative to the project. */
  folder: string
  rounds: number
  timeoutMs: number
  /** Folder for its sessions. */
  sessions: string
  /** Environment under the agent, for a session in this folder, of a copy of the project in that folder. */
  environment(session: string, copy: string): NodeJS.ProcessEnv
  open(session: string): Promise<SessionReader>
  signal: AbortSignal
}

/** What the comparison says, and of what. */
export interface AbResult extends Judgement {
  /** What was compared, in words. */
  of: string
  rounds: number
  before: { calls: number; median: number | null } | null
  after: { calls: number; median: number | null } | null
}

interface Run {
  end: CommandEnd
  measured: Measured[]
}

/**
 * Runs the benchmark once in the old state: it must end well and make the calls in question. Gives the subjects that can be compared: the candidate's
 * own, then what calls it, then whole traces, for a change after which the own calls are no longer made. Throws `UsageError` otherwise.
 */
export async function checkBenchmark(benchmark: Benchmark, copy: string, subject: CandidateSubject | null): Promise<CandidateSubject[]> {
  const session = path.join(benchmark.sessions, 'check')
  const end = await runOnce(benchmark, session, copy)
  if (end.timedOut)
    throw new UsageError(
      `The benchmark did not end within ${Math.round(benchmark.timeoutMs / 1000)} s; name one that ends by itself with --bench "node bench.js", or allow more with --timeout.`,
    )
  if (end.code !== 0) throw new UsageError(`The benchmark fails before anything is changed (${endText(end)}): ${lastLine(end.tail)}`)
  const reader = await openRun(benchmark, session)
  try {
    if (subject === null) return []
    const [own] = await reader.rows<{ n: number }>(`SELECT count(*) AS n FROM (${callsOf(subject)})`)
    if ((own?.n ?? 0) === 0)
      throw new UsageError(
        `The benchmark never runs what this is about (${subjectText(subject)}); name one that does with --bench "node bench.js".`,
      )
    return [subject, ...(await enclosing(reader, subject))]
  } finally {
    reader.close()
  }
}

/** Runs both states in turn, the order reversed every round, and compares what the first subject that occurs in both took. */
export async function runBenchmark(
  benchmark: Benchmark,
  copies: { before: string; after: string },
  subjects: readonly CandidateSubject[],
  onRound: (round: number) => void,
): Promise<AbResult> {
  const runs: Record<'before' | 'after', Run[]> = { before: [], after: [] }
  for (let round = 0; round < benchmark.rounds; round++) {
    onRound(round)
    for (const arm of round % 2 === 0 ? (['before', 'after'] as const) : (['after', 'before'] as const)) {
      const run = await measuredRun(benchmark, `${arm}-${round}`, copies[arm], subjects)
      if (run.end.code !== 0) {
        const how = run.end.timedOut ? 'does not end in time' : `fails (${endText(run.end)})`
        const text = `it ${how} ${arm === 'after' ? 'with' : 'without'} the change: ${lastLine(run.end.tail)}`
        return { verdict: 'worse', text, of: 'the benchmark', rounds: round + 1, before: null, after: null }
      }
      runs[arm].push(run)
    }
  }
  return compareRuns(runs, subjects)
}

function compareRuns(runs: Record<'before' | 'after', Run[]>, subjects: readonly CandidateSubject[]): AbResult {
  const rounds = runs.before.length
  const pooled = (arm: 'before' | 'after', i: number): Measured => pool(runs[arm].map(({ measured }) => measured[i]))
  const at = subjects.findIndex((_, i) => pooled('before', i).calls > 0 && pooled('after', i).calls > 0)
  const subject = subjects[at]
  if (subject === undefined) {
    const durations = (arm: 'before' | 'after'): { value: number; weight: number }[] =>
      runs[arm].map(({ end }) => ({ value: end.durationMs, weight: 1 }))
    const comparison = compareSamples(durations('before'), durations('after'), { takesTurns: true })
    const side = (i: 0 | 1): AbResult['before'] => ({ calls: rounds, median: comparison.medians[i] })
    return { ...judgeSamples(comparison, 'ms'), of: 'the whole run', rounds, before: side(0), after: side(1) }
  }
  const judged = (subjectAt: number, what: CandidateSubject): AbResult => {
    const [before, after] = [pooled('before', subjectAt), pooled('after', subjectAt)]
    return {
      ...judge(what, before, after), of: subjectText(what), rounds,
      before: { calls: before.calls, median: before.median }, after: { calls: after.calls, median: after.median },
    } // prettier-ignore
  }
  const own = judged(at, subject)
  const outer = subjects.length - 1
  const around = subjects[outer]
  if (around === undefined || outer <= at) return own
  // Who waits decides: one large query instead of ten small ones is slower by itself and faster for its trace, and the other way round.
  const whole = judged(outer, around)
  if (whole.verdict === 'better' && own.verdict !== 'better') return whole
  if (whole.verdict === 'worse' && own.verdict === 'better')
    return { ...own, verdict: 'worse', text: `${own.text}, but ${whole.of} is slower: ${whole.text}` }
  return own
}

async function measuredRun(benchmark: Benchmark, name: string, copy: string, subjects: readonly CandidateSubject[]): Promise<Run> {
  const session = path.join(benchmark.sessions, name)
  const end = await runOnce(benchmark, session, copy)
  if (end.code !== 0 || subjects.length === 0) return { end, measured: [] }
  const reader = await openRun(benchmark, session)
  try {
    const measured: Measured[] = []
    for (const subject of subjects) measured.push(await measure(reader, subject))
    return { end, measured }
  } finally {
    reader.close()
  }
}

async function runOnce(benchmark: Benchmark, session: string, copy: string): Promise<CommandEnd> {
  const { command, folder, root, timeoutMs, signal } = benchmark
  const inCopy = (text: string): string => text.replaceAll(`${root}/`, `${copy}/`)
  const there: Command = typeof command === 'string' ? inCopy(command) : [command[0], ...command.slice(1).map(inCopy)]
  const end = await runCommand(there, { cwd: path.join(copy, folder), env: benchmark.environment(session, copy), timeoutMs, signal })
  if (signal.aborted) throw new PerfError('INTERRUPTED', 'Interrupted.', 130)
  return end
}

async function openRun({ open }: Benchmark, session: string): Promise<SessionReader> {
  try {
    return await open(session)
  } catch (error) {
    throw new UsageError(
      `The benchmark was not recorded (${error instanceof Error ? error.message : String(error)}); it must be a Node.js program, or start one.`,
    )
  }
}

/** What calls the subject, most calls first, and the traces it is in. */
async function enclosing(reader: SessionReader, subject: CandidateSubject): Promise<CandidateSubject[]> {
  if (subject.of === 'traces') return []
  const { measure: what } = subject
  if (what !== 'duration_ms' && what !== 'failed') return []
  const parents = await reader.rows<{ name: string; layer: string; kind: string }>(
    `SELECT p.name, p.layer, p.kind FROM (${callsOf(subject)}) c JOIN spans s USING (span_id) JOIN spans p ON p.span_key = s.parent_key GROUP BY ALL ORDER BY count(*) DESC, p.name LIMIT 1`,
  )
  const roots = await reader.rows<{ name: string; layer: string; kind: string }>(
    `SELECT t.name, t.layer, t.kind FROM (${callsOf(subject)}) c JOIN traces t USING (trace_id) GROUP BY ALL ORDER BY count(*) DESC, t.name LIMIT 1`,
  )
  return [
    ...parents.map((where): CandidateSubject => ({ of: 'spans', where, measure: what })),
    ...roots.map((where): CandidateSubject => ({ of: 'traces', where, measure: what })),
  ]
}

/** Runs together, in the order of time; measurements of one run depend on each other. */
function pool(runs: readonly (Measured | undefined)[]): Measured {
  const all: Measured = { session: '', calls: 0, failed: 0, mean: null, median: null, p95: null, values: [], weights: [], clusters: [] }
  for (const [i, run] of runs.entries()) {
    if (run === undefined) continue
    all.calls += run.calls
    all.failed += run.failed
    for (const value of run.values) all.values.push(value)
    for (const weight of run.weights) all.weights.push(weight)
    for (const _ of run.values) all.clusters.push(String(i))
  }
  const sorted = all.values.toSorted((a, b) => a - b)
  all.median = sorted.length === 0 ? null : ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2
  return all
}

/** A subject in words. */
function subjectText({ of, where, measure: what }: CandidateSubject): string {
  const named =
    where.route ??
    where.statement ??
    where.tool ??
    (where.kind === 'server' || where.kind === 'client' ? `${where.kind} ${where.name ?? ''}`.trimEnd() : where.name) ??
    where.model ??
    where.server ??
    of
  return `${what === 'duration_ms' ? '' : `${what.replaceAll('_', ' ')} of `}${of === 'traces' ? 'traces ' : ''}${named}`
}

const endText = ({ code, signal }: CommandEnd): string => (signal === null ? `exit code ${code ?? '?'}` : signal)

/** The last line that says something. */
export function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '') // prettier-ignore
  return lines.findLast((line) => /error|fail/i.test(line)) ?? lines.at(-1) ?? 'it printed nothing'
}
