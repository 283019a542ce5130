import { findRecordedRequests, type RecordedRequest } from '../../analysis/load-traces.ts'
import { UsageError } from '../../errors.ts'
import type { LoadFigures } from '../../load/figures.ts'
import { brokenLimits, findLimit, type LoadLimits, type StressResult } from '../../load/find-limit.ts'
import type { LoadRequest } from '../../load/load-client.ts'
import { keepRecord } from '../../load/load-record.ts'
import { startLoad, type LoadPlan } from '../../load/run-load.ts'
import { assertReachable, isLoopback, parseBody, parseHeaders, parseTarget } from '../../load/target.ts'
import { listSessions, resolveSession } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { sessionsDir } from '../open.ts'
import { durationOption } from '../options.ts'
import { count, counted, duration, share } from '../render/format.ts'
import { loadFigures, slowRequests, stressSteps } from '../render/load.ts'
import { showProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { wrap } from '../render/wrap.ts'
import { positiveInteger } from './report.ts'
import { shown } from '../render/shown-file.ts'

interface LoadOptions extends CommonOptions {
  connections?: string
  rate?: string
  ramp?: string
  duration?: string
  timeout?: string
  method?: string
  header?: string[]
  body?: string
  p99?: string
  errors?: string
  stress?: boolean
  step?: string
}

/** `perf-agent load URL`: sends requests and says how it went; with `--stress` until limits break. Exit 1 when a limit given was broken. */
export async function load(target: string, options: LoadOptions): Promise<number> {
  const request = requestOf(target, options)
  const limits: LoadLimits = {
    p99Ms: options.p99 === undefined ? undefined : durationOption('--p99', options.p99),
    failed: options.errors === undefined ? undefined : shareOption('--errors', options.errors),
  }
  const plan = planOf(options)
  const dir = sessionsDir(options)
  const only = options.session === undefined ? {} : { only: resolveSession(dir, options.session) }
  await assertReachable(request.url, request.timeoutMs)
  const startedAt = new Date()
  if (options.json !== true) process.stdout.write(`${wrap(announce(request, plan, options), terminalOf().width)}\n\n`)
  const stopper = stopOnSignal()
  try {
    const stress = options.stress === true ? await runStress(request, plan, limits, options, stopper) : undefined
    const figures = stress === undefined ? await runOne(request, plan, stopper) : lastHeld(stress)
    const recorded = await findRecordedRequests(dir, figures?.slowest.map(({ trace_id }) => trace_id) ?? [], {
      sinceMs: startedAt.getTime(),
      ...only,
      patienceMs: 3000,
    })
    const broken = figures === undefined || stress !== undefined ? [] : brokenLimits(figures, limits)
    const file = keepRecord(dir, { startedAt, request, plan, limits, figures, stress, broken, recorded, stopped: stopper.isStopped() })
    print({ options, figures, stress, recorded, broken, file, newest: listSessions(dir)[0]?.name })
    return broken.length > 0 || (stress !== undefined && stress.holds === null) ? 1 : 0
  } finally {
    stopper.release()
  }
}

function requestOf(target: string, options: LoadOptions): LoadRequest {
  const { method, body } = parseBody(options.method, options.body)
  const timeoutMs = durationOption('--timeout', options.timeout ?? '10s')
  if (timeoutMs < 100) throw new UsageError('--timeout is at least 100ms.')
  return { url: parseTarget(target), method, body, headers: parseHeaders(options.header ?? []), timeoutMs }
}

function planOf(options: LoadOptions): LoadPlan {
  const rate = options.rate === undefined ? undefined : Number(options.rate)
  if (rate !== undefined && !(rate > 0 && rate <= 1_000_000))
    throw new UsageError(`--rate needs requests per second, such as 10, not '${options.rate}'.`)
  const durationMs = durationOption('--duration', options.duration ?? '10s')
  const rampMs = durationOption('--ramp', options.ramp ?? '0s')
  if (durationMs <= 0) throw new UsageError('--duration must be longer than nothing.')
  if (rampMs > durationMs)
    throw new UsageError(`--ramp (${options.ramp}) is part of --duration (${options.duration ?? '10s'}) and cannot be longer.`)
  const connections = positiveInteger(
    '--connections',
    options.connections ?? (options.stress === true || rate !== undefined ? '512' : '10'),
  )
  return { connections, rate, rampMs, durationMs }
}

function shareOption(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text.trim())
  const share = match === null ? NaN : Number(match[1]) / 100
  if (!(share <= 1)) throw new UsageError(`${option} needs a percentage such as 1%, not '${text}'.`)
  return share
}

function announce({ url, method }: LoadRequest, { connections, rate, rampMs, durationMs }: LoadPlan, options: LoadOptions): string {
  const where = isLoopback(url) ? '' : ` on another machine, ${url.hostname}`
  const pace =
    rate === undefined ? counted(connections, 'connection') : `${rate} a second over at most ${counted(connections, 'connection')}`
  const how =
    options.stress === true
      ? `steps of ${options.step ?? '5s'} up to ${rate === undefined ? counted(connections, 'connection') : `${counted(connections, 'connection')}, from ${rate} a second`}`
      : `${pace} for ${duration(durationMs)}${rampMs > 0 ? `, growing for ${duration(rampMs)}` : ''}`
  return `${method} ${url.origin}${url.pathname}${where}: ${how}`
}

interface Stopper {
  isStopped(): boolean
  /** Called when the user ends the run. */
  onStop: (() => void) | undefined
  release(): void
}

/** The first Ctrl-C ends the run, which still says how it went; the second ends the process. */
function stopOnSignal(): Stopper {
  let stopped = false
  const stop = (): void => {
    if (stopped) process.exit(130)
    stopped = true
    stopper.onStop?.()
  }
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.on(signal, stop)
  const release = (): void => {
    for (const signal of signals) process.off(signal, stop)
  }
  const stopper: Stopper = { isStopped: () => stopped, onStop: undefined, release }
  return stopper
}

async function runOne(request: LoadRequest, plan: LoadPlan, stopper: Stopper, title = 'Load'): Promise<LoadFigures> {
  const running = await startLoad(request, plan)
  stopper.onStop = () => running.stop(1000)
  const progress = showProgress(title)
  const timer = setInterval(() => {
    const now = running.figures()
    const failed = now.failed > 0 ? `, ${share(now.failed, now.requests)} failed` : ''
    progress.update(
      `${duration(now.duration_ms)} of ${duration(plan.durationMs)}, ${counted(now.requests, 'request')}, ${Math.round(now.requests_per_second)}/s, p99 ${duration(now.latency_ms.p99)}${failed}`,
    )
  }, 250)
  try {
    return await running.done
  } finally {
    clearInterval(timer)
    progress.end()
    stopper.onStop = undefined
  }
}

async function runStress(
  request: LoadRequest,
  plan: LoadPlan,
  given: LoadLimits,
  options: LoadOptions,
  stopper: Stopper,
): Promise<StressResult> {
  const limits = given.p99Ms === undefined && given.failed === undefined ? { p99Ms: 500, failed: 0.01 } : given
  const durationMs = durationOption('--step', options.step ?? '5s')
  const unit = plan.rate === undefined ? 'connections' : 'a second'
  const [first, most] = plan.rate === undefined ? [1, plan.connections] : [plan.rate, 1_000_000]
  return await findLimit(first, most, async (level) => {
    if (stopper.isStopped()) return undefined
    const step = plan.rate === undefined ? { connections: level, rate: undefined } : { connections: plan.connections, rate: level }
    const figures = await runOne(request, { ...step, rampMs: 0, durationMs }, stopper, `${count(level)} ${unit}`)
    // Ended in the middle of a step: what it says is not what the level says.
    if (stopper.isStopped()) return undefined
    const broken = brokenLimits(figures, limits)
    if (figures.unsent > figures.requests * 0.05) broken.push(`${count(figures.unsent)} could not be sent in time`)
    return { level, figures, broken }
  })
}

const lastHeld = ({ steps, holds, breaks }: StressResult): LoadFigures | undefined =>
  (steps.find(({ level }) => level === holds) ?? steps.find(({ level }) => level === breaks))?.figures

interface Outcome {
  options: LoadOptions
  figures: LoadFigures | undefined
  stress: StressResult | undefined
  recorded: RecordedRequest[]
  broken: string[]
  file: string
  /** The session that `--session last` stands for. */
  newest: string | undefined
}

function print({ options, figures, stress, recorded, broken, file, newest }: Outcome): void {
  if (options.json === true) {
    const output = { ...(stress === undefined ? figures : { stress }), broken, recorded, file }
    process.stdout.write(`${JSON.stringify(output, null, process.stdout.isTTY ? 2 : undefined)}\n`)
    return
  }
  const terminal = terminalOf()
  const parts = [
    ...(stress === undefined ? [] : [stressSteps(terminal, stress, options.rate === undefined ? 'connections' : 'a second')]),
    ...(figures === undefined || stress !== undefined ? [] : [loadFigures(terminal, figures)]),
    ...(figures === undefined ? [] : [slowRequests(terminal, figures, recorded, newest)]),
    ...(broken.length === 0 ? [] : [terminal.paint.red(`Limit broken: ${broken.join(', ')}`)]),
    terminal.paint.dim(`kept in ${shown(file)}`),
  ]
  process.stdout.write(`${parts.filter((part) => part !== '').join('\n\n')}\n`)
}
