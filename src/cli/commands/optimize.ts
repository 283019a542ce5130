import { existsSync, readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { assertNothingPending, settlePending } from '../../analysis/optimize/journal.ts'
import {
  commandText,
  optimize as tryOut,
  projectRoot,
  type OptimizeOptions,
  type OptimizeOutcome,
} from '../../analysis/optimize/optimize.ts'
import type { Command } from '../../analysis/optimize/run-command.ts'
import { isBelow } from '../../analysis/optimize/tree-snapshot.ts'
import { addHistory, findCandidate } from '../../analysis/queue/candidates.ts'
import { readQueue } from '../../analysis/queue/queue-file.ts'
import { UsageError } from '../../errors.ts'
import { openSession } from '../../store/query.ts'
import { readSession, type Session } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { ownPrices, sessionsDir } from '../open.ts'
import { counted } from '../render/format.ts'
import { packetMarkdown } from '../render/packet.ts'
import { showProgress, type Progress } from '../render/progress.ts'
import { renderOutcome } from '../render/optimize.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'
import { packetOf, refreshed, sessionOf } from './queue.ts'
import { runEnvironment } from './run.ts'

interface Options extends CommonOptions {
  format?: 'md' | 'json'
  test?: string | false
  bench?: string
  rounds?: string
  timeout?: string
  exclude?: string[]
  maxCopy?: string
  packet?: boolean
  restore?: boolean
  discard?: boolean
}

/** `perf-agent optimize ID -- <command>`: hands a candidate to a command, and keeps its change when tests and a benchmark say so. */
export async function optimize(words: string[], options: Options): Promise<number> {
  const dir = sessionsDir(options)
  if (options.restore === true || options.discard === true) return settle(dir, options)
  const [id, ...given] = words
  if (id === undefined || (given.length === 0 && options.packet !== true))
    throw new UsageError('Say perf-agent optimize ID -- <command>; the ids are those of perf-agent queue.')
  assertNothingPending(dir)
  const queue = readQueue(dir)
  const candidate = findCandidate(queue.candidates.length === 0 ? await refreshed(options) : queue, id)
  const session = sessionOf(dir, candidate, options.session)
  const root = projectRoot(process.cwd())
  const plan = planOf(options, session, root)
  const benchmark = { command: commandText(plan.benchCommand), rounds: plan.rounds }
  const packet = await packetOf(session, candidate, { root, tests: plan.tests, benchmark })
  const text = options.format === 'json' ? `${JSON.stringify(packet, null, 2)}\n` : packetMarkdown(packet)
  if (options.packet === true) {
    process.stdout.write(text)
    return 0
  }
  const progress = showProgress('Benchmark')
  const outcome = await withSignals((signal) => tryOut(candidate, tryOptions(given, text, dir, plan, options, progress, signal))).finally(
    progress.end,
  )
  const event = outcome.verdict
  await addHistory(dir, `${candidate.id}@${candidate.service ?? ''}`, {
    at: new Date().toISOString(),
    event,
    session: null,
    text: outcome.reason,
  })
  process.stdout.write(options.json === true ? `${JSON.stringify({ id: candidate.id, ...outcome }, null, process.stdout.isTTY ? 2 : undefined)}\n` : renderOutcome(terminalOf(), candidate, outcome)) // prettier-ignore
  return outcome.verdict === 'kept' ? 0 : 1
}

async function settle(dir: string, { discard, json }: Options): Promise<number> {
  const { root, files, changed_files } = await settlePending(dir, discard === true)
  const kept = changed_files === null ? '' : ` What they were until now: ${changed_files}`
  const said = discard === true ? `The files of ${root} stay as they are.` : `${counted(files, 'file')} of ${root} put back.${kept}`
  process.stdout.write(json === true ? `${JSON.stringify({ root, restored: files, changed_files })}\n` : `${said}\n`)
  return 0
}

interface Plan {
  root: string
  tests: string | null
  benchCommand: Command
  /** Relative to the project. */
  benchFolder: string
  rounds: number
  /** Settings of the recorded run that decide what is recorded. */
  settings: Record<string, string>
}

/** Fewest rounds the comparison can judge. */
const FEWEST_ROUNDS = 5

function planOf(options: Options, session: Session | undefined, root: string): Plan {
  const rounds = positiveInteger('--rounds', options.rounds ?? '10')
  if (rounds < FEWEST_ROUNDS) throw new UsageError(`--rounds must be ${FEWEST_ROUNDS} at least: fewer runs prove nothing.`)
  const recorded = session?.json.command ?? []
  const [program] = recorded
  if (options.bench === undefined && program === undefined)
    throw new UsageError(
      'The session that shows it is gone, and with it the command that was recorded; name a benchmark with --bench "node bench.js".',
    )
  const cwd = options.bench === undefined && session?.json.cwd !== undefined ? session.json.cwd : process.cwd()
  const folder = existsSync(cwd) && isBelow(root, realpathSync(cwd)) ? path.relative(root, realpathSync(cwd)) : ''
  const config = session?.json.config ?? {}
  const settings = RECORDING.flatMap((name) => (typeof config[name] === 'string' ? [[name, config[name]] as const] : []))
  return {
    root, tests: testsOf(options), benchCommand: options.bench ?? (recorded as [string, ...string[]]), benchFolder: folder, rounds, settings: Object.fromEntries(settings),
  } // prettier-ignore
}

const RECORDING = ['PERF_TOOLS', 'PERF_INTEGRATIONS', 'PERF_DISABLE', 'PERF_OPT_IN', 'PERF_CPU', 'PERF_SERVICE']

function testsOf({ test }: Options): string | null {
  if (test === false) return null
  if (test !== undefined) return test
  let script: unknown
  try {
    script = (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts?: { test?: unknown } }).scripts?.test
  } catch {
    script = undefined
  }
  if (typeof script === 'string' && !script.includes('no test specified')) return 'npm test'
  throw new UsageError('There is no test script in package.json: name the tests with --test "…", or say --no-test.')
}

function tryOptions(
  given: string[],
  packet: string,
  dir: string,
  plan: Plan,
  options: Options,
  progress: Progress,
  signal: AbortSignal,
): OptimizeOptions {
  const [program = '', ...args] = given
  const prices = ownPrices()
  return {
    dir,
    cwd: process.cwd(),
    command: [program, ...args],
    packet,
    tests: plan.tests,
    benchmark: {
      command: plan.benchCommand,
      root: plan.root,
      folder: plan.benchFolder,
      rounds: plan.rounds,
      environment: (session, copy) => benchmarkEnvironment(plan, session, copy),
      open: async (session) => openSession(readSession(session), { prices: await prices }),
    },
    timeoutMs: milliseconds(options.timeout ?? '30m'),
    benchmarkTimeoutMs: milliseconds(options.timeout ?? '2m'),
    exclude: options.exclude ?? [],
    mostBytes: positiveInteger('--max-copy', options.maxCopy ?? '2048') * 2 ** 20,
    signal,
    say: (line) => process.stderr.write(`perf-agent: ${line}\n`),
    onRound: (round) => progress.update(`round ${round + 1} of ${plan.rounds}`),
    onOutput: (text) => process.stderr.write(text),
  }
}

/** As the recorded run, in a session of its own; what named the project names its copy. */
function benchmarkEnvironment({ root, settings, benchCommand }: Plan, session: string, copy: string): NodeJS.ProcessEnv {
  const inCopy = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, value.replaceAll(`${root}/`, `${copy}/`)]))
  const { PERF_SESSION: _session, PERF_SAMPLE: _sample, ...base } = process.env
  const [program, ...args] = typeof benchCommand === 'string' ? [benchCommand] : benchCommand
  return runEnvironment(program, args, { dir: path.dirname(path.dirname(session)), session }, { ...base, ...inCopy })
}

/** What a timer can wait for: 24 days; one that is set to more fires at once. */
const LONGEST_MS = 2 ** 31 - 1

function milliseconds(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? []
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? '']
  if (digits === undefined || factor === undefined) throw new UsageError(`--timeout takes a time such as 90s or 10m, not '${text}'.`)
  const value = Number(digits) * factor
  if (value < 1) throw new UsageError(`--timeout must be more than nothing, not '${text}'.`)
  return Math.min(value, LONGEST_MS)
}

/** Ctrl-C and the like end what runs, and the working tree is put back before this process ends. */
async function withSignals(work: (signal: AbortSignal) => Promise<OptimizeOutcome>): Promise<OptimizeOutcome> {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, abort)
  try {
    return await work(controller.signal)
  } finally {
    for (const signal of signals) process.off(signal, abort)
  }
}
