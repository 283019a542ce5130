import { setImmediate } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { Bench, type Task } from 'tinybench'
import type { FailedResult, RoundResult, TimedResult } from '../analysis/bench/bench-result.ts'
import { chooseBatch } from './choose-batch.ts'
import { copierOf, messageOf, type Checked } from './check-outputs.ts'
import { CollectionWatch } from './collection-watch.ts'
import { compileLoop, type Loop } from './compile-loop.ts'
import { startSample, type SampleSpan } from './spans.ts'
import { turned } from './turned.ts'
import type { CodeVariant } from '../core/hand-api.ts'

/** How long and how often. */
export interface MeasureOptions {
  /** Turns of each implementation. */
  rounds: number | undefined
  /** Milliseconds of measuring for each implementation. */
  timeMs: number
  warmupMs: number
  /** Calls per sample; chosen by their duration when undefined. */
  batch: number | undefined
}

/** What the spans of the samples say. */
export interface Labels {
  benchmark: string
  scenario: string
  variants: ReadonlyMap<string, CodeVariant>
}

interface Contender {
  name: string
  isAsync: boolean
  loop: Loop
  task: Task
  rounds: RoundResult[]
  failure: string | undefined
  /** Of the turn that runs. */
  allocations: number[]
  round: number
}

/** What was measured; `batch` is the number of calls per sample. */
export interface Measured {
  batch: number
  results: (TimedResult | FailedResult)[]
}

/** Measures the implementations in turns, another one first each time, so that what the machine does meanwhile meets all of them. */
export async function measureScenario(
  { right, changesInput }: Checked,
  input: unknown,
  options: MeasureOptions,
  labels: Labels,
  onRound: (round: number, rounds: number) => void,
): Promise<Measured> {
  const loops = right.map(({ call, isAsync }) => compileLoop(call, { isAsync, isFresh: changesInput }))
  const copy = copierOf(input)
  const inputs = (count: number): unknown => (changesInput ? Array.from({ length: count }, copy) : input)
  const plan = await chooseBatch(loops, inputs, options, changesInput)
  const bench = new Bench({ time: 0, iterations: plan.samples, warmupTime: options.warmupMs, warmupIterations: 2, retainSamples: true })
  const contenders = right.map(({ name, isAsync }, i): Contender => {
    const loop = loops[i] as Loop
    const contender = { name, isAsync, loop, rounds: [], failure: undefined, allocations: [], round: 0 } as unknown as Contender
    contender.task = addTask(bench, contender, plan.batch, inputs, labels)
    return contender
  })
  const watch = new CollectionWatch()
  try {
    for (const contender of contenders) {
      await warmUp(contender)
      await setImmediate()
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const contender of turned(contenders, round)) await takeTurn(contender, round, plan.batch, watch)
      onRound(round + 1, plan.rounds)
    }
  } finally {
    watch.stop()
  }
  return {
    batch: plan.batch,
    results: contenders.map(({ name, isAsync, rounds, failure }) =>
      failure === undefined ? { name, status: 'timed', isAsync, rounds } : { name, status: 'failed', error: failure },
    ),
  }
}

/** The sample of one implementation as a task: around the time that tinybench takes, memory is read and the span opened and ended. */
function addTask(bench: Bench, contender: Contender, batch: number, inputs: (count: number) => unknown, labels: Labels): Task {
  const { name, loop, isAsync } = contender
  const spanName = `${labels.benchmark}: ${name} on ${labels.scenario}`
  let span: SampleSpan | undefined
  let input: unknown
  let heapBefore = 0
  const work = (): unknown => loop(input, batch)
  const run = isAsync
    ? async () => void (await (span === undefined ? work() : span.run(work)))
    : () => void (span === undefined ? work() : span.run(work))
  bench.add(name, run, {
    async: isAsync,
    beforeEach(mode) {
      input = inputs(batch)
      if (mode !== 'run') return
      const attributes = {
        'perf.bench.name': labels.benchmark, 'perf.bench.scenario': labels.scenario, 'perf.bench.implementation': name,
        'perf.bench.round': contender.round, 'perf.bench.calls': batch,
      } // prettier-ignore
      span = startSample(spanName, isAsync, attributes, labels.variants.get(name))
      heapBefore = getHeapStatistics().used_heap_size
    },
    afterEach(mode) {
      if (mode !== 'run') return
      contender.allocations.push((getHeapStatistics().used_heap_size - heapBefore) / batch)
      span?.end()
      span = undefined
    },
  })
  return bench.getTask(name) as Task
}

async function warmUp(contender: Contender): Promise<void> {
  const { task, isAsync } = contender
  if (isAsync) await task.warmup()
  else task.warmupSync()
  noteFailure(contender)
}

async function takeTurn(contender: Contender, round: number, batch: number, watch: CollectionWatch): Promise<void> {
  if (contender.failure !== undefined) return
  const { task, isAsync } = contender
  task.reset()
  contender.allocations = []
  contender.round = round
  const startedAt = watch.now()
  if (isAsync) await task.run()
  else task.runSync()
  const endedAt = watch.now()
  // Entries of collections come with the next turn of the event loop; timers and the agent's writer get theirs, too.
  await setImmediate()
  const { count, ms } = watch.between(startedAt, endedAt)
  noteFailure(contender)
  const { result } = task
  if (result.state !== 'completed') return
  const samples = result.latency.samples ?? []
  contender.rounds.push({
    samples: samples.map((sample) => sample / batch),
    calls: samples.length * batch,
    measuredMs: samples.reduce((sum, sample) => sum + sample, 0),
    allocatedBytes: medianOfGrowth(contender.allocations),
    collections: count,
    collectionMs: ms,
  })
}

function noteFailure(contender: Contender): void {
  const { result } = contender.task
  if (result.state === 'errored') contender.failure = messageOf(result.error)
}

/** A sample in which memory was collected shows less than was allocated, mostly less than nothing: it does not count. */
function medianOfGrowth(bytes: readonly number[]): number | null {
  const grown = bytes.filter((value) => value >= 0).toSorted((a, b) => a - b)
  return grown.length === 0 ? null : (grown[grown.length >> 1] as number)
}
