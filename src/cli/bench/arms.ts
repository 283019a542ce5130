import type { BenchmarkResult } from '../../analysis/bench/bench-result.ts'
import { spansThatDiffer, spanTotals, type RunTime, type SpanRow } from '../../analysis/bench/span-totals.ts'
import { turned } from '../../bench/turned.ts'
import { runEnvironment } from '../commands/run.ts'
import { showProgress } from '../render/progress.ts'
import type { BenchPlan } from './bench-options.ts'
import { childrenCpuMs } from './children-cpu.ts'
import { nodeArguments } from './node-arguments.ts'
import { runProcess, type ProcessPlan } from './run-process.ts'

/** One of the things that are measured in turns: a command, or a combination of flags. */
export interface Arm {
  /** Short, for messages. */
  label: string
  /** What runs in each turn: one process, or one for each benchmark file. */
  processes: Pick<ProcessPlan, 'title' | 'program' | 'args' | 'isShell'>[]
  /** Over the environment of this process; undefined: unset. */
  environment: Record<string, string | undefined>
}

/** One turn of an arm. */
export interface ArmRun extends RunTime {
  wallMs: number
  /** Null where the system does not say. */
  cpuMs: number | null
  results: BenchmarkResult[]
}

/** An arm with its turns. */
export interface MeasuredArm {
  arm: Arm
  /** Folder of the session that all its turns are recorded in; null with `--no-record`. */
  session: string | null
  runs: ArmRun[]
}

/** Runs every arm `rounds` times, another one first each round. Throws a `PerfError` when a process fails. */
export async function runArms(arms: readonly Arm[], rounds: number, plan: BenchPlan): Promise<MeasuredArm[]> {
  const measured = arms.map((arm, i): MeasuredArm & { base: NodeJS.ProcessEnv } => {
    const base = environmentOf(arm, plan, arms.length > 1 ? `-${i + 1}` : '')
    return { arm, base, session: base['PERF_SESSION'] ?? null, runs: [] }
  })
  const progress = showProgress('bench')
  let done = 0
  try {
    for (let round = 0; round < rounds; round++) {
      for (const { arm, base, runs } of turned(measured, round)) {
        const where = `run ${++done} of ${arms.length * rounds}, ${arm.label}`
        progress.update(where)
        runs.push(await takeTurn(arm, base, plan, (text) => progress.update(`${where}: ${text}`)))
      }
    }
  } finally {
    progress.end()
  }
  return measured.map(({ base: _base, ...rest }) => rest)
}

/** Files as the processes of an arm, or the command behind `--`. */
export function processesOf({ files, command }: BenchPlan): Arm['processes'] {
  if (files.length > 0) return files.map((file) => ({ title: file, program: process.execPath, args: nodeArguments(file) }))
  const [program = '', ...args] = command
  const isScript = /\.[cm]?[jt]sx?$/.test(program)
  return [
    {
      title: command.join(' '),
      program: isScript ? process.execPath : program,
      args: isScript ? [...nodeArguments(program), ...args] : args,
    },
  ]
}

/** The environment for processes of `plan`, with a new session unless it is not to be recorded. */
export function environmentOf(
  { processes, environment }: Pick<Arm, 'processes' | 'environment'>,
  plan: BenchPlan,
  suffix: string,
): NodeJS.ProcessEnv {
  const base: NodeJS.ProcessEnv = { ...process.env }
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete base[name]
    else base[name] = value
  }
  const { dir, session, record } = plan.options
  if (record === false) return base
  const [first] = processes
  const names = first?.isShell === true ? first.program.split(/\s+/) : [...(first?.args ?? [])]
  const options = { ...(dir === undefined ? {} : { dir }), ...(session === undefined ? {} : { session: `${session}${suffix}` }) }
  return runEnvironment(first?.program ?? '', names, options, base)
}

async function takeTurn(arm: Arm, environment: NodeJS.ProcessEnv, plan: BenchPlan, onProgress: (text: string) => void): Promise<ArmRun> {
  const run: ArmRun = { wallMs: 0, cpuMs: null, results: [], startedAt: Date.now(), endedAt: 0 }
  const before = childrenCpuMs()
  for (const process of arm.processes) {
    const { wallMs, results } = await runProcess({ ...process, environment, settings: plan.settings, output: 'hide' }, onProgress)
    run.wallMs += wallMs
    run.results.push(...results)
  }
  run.endedAt = Date.now()
  const after = childrenCpuMs()
  if (before !== undefined && after !== undefined) run.cpuMs = after - before
  return run
}

/** Spans whose time per run differs most between the arms. */
export async function recordedSpans(measured: readonly MeasuredArm[]): Promise<SpanRow[]> {
  const totals = []
  for (const { session, runs } of measured) totals.push(session === null ? [] : await spanTotals(session, runs))
  return spansThatDiffer(totals, 8)
}
