import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { parentPort, receiveMessageOnPort, threadId, workerData } from 'node:worker_threads'
import { nowNs } from '../core/clock.ts'
import { COUNTERS, Header, RingOwner, WriterGate, WriterState, WriterWord } from '../core/layout.ts'
import type { HeapProfileMessage } from '../core/heap-profile-format.ts'
import type { CpuProfileMessage } from '../profiling/cpu.ts'
import { megabytes } from '../profiling/snapshot-plan.ts'
import { RingReader } from '../store/hot/ring-reader.ts'
import { HeapSnapshots } from '../profiling/heap-snapshot.ts'
import { RuntimeMetrics } from '../profiling/runtime-metrics.ts'
import { StallWatch } from '../profiling/stall-watch.ts'
import { WorkerThreadWatch } from '../profiling/worker-thread-watch.ts'
import { askThreads } from './ask-threads.ts'
import { BlockBuilder } from './block-builder.ts'
import { Control } from './control.ts'
import type { OpenSpans } from './block-builder.ts'
import { OwnFacts } from './own-facts.ts'
import { PayloadStore } from './payloads.ts'
import type { Capture } from './payloads.ts'
import { loadHotStore } from './load-hot-store.ts'
import { loadRedactor } from './redaction-rules.ts'
import { keepTicking } from './keep-ticking.ts'
import { ProfileStore } from './profile-store.ts'
import { projectKey } from './session-folder.ts'
import type { ProcessInfo } from './session-folder.ts'
import { nowMs, Storage } from './storage.ts'
import type { EndMark } from './storage.ts'

// The writer thread: one per process. Drains the rings of all recorded threads into the process's LMDB environment.

interface Settings {
  memory: SharedArrayBuffer
  control: SharedArrayBuffer
  process: ProcessInfo
  dir: string
  capture: Capture
  redact: string[]
  maxBytes: number
  log: string
  /** What is wrong with the settings is said by this process. */
  saysSettings: boolean
  given: Record<string, string>
  ringChannel: string
  /** The session was given to this process (`perf-agent run`): it exists even without a span. */
  joined: boolean
  /** Node's permission model is on. */
  isRestricted: boolean
  /** Memory of the app thread's probe. */
  probe: SharedArrayBuffer
  metrics: boolean
  /** From how many milliseconds on a blocked event loop is a stall; 0: not watched. */
  stallMs: number
  /** `PERF_TRIGGERS` as written. */
  triggers: string
}

/** How long the ring of an ended thread is still looked at: its exit listeners may make spans. */
const ENDED_GRACE_MS = 1000

const ownRequire = createRequire(__filename)
const settings = workerData as Settings
const control = new Int32Array(settings.control)
const { redactor, problems } = loadRedactor(settings.redact, settings.process.root)
const builders: BlockBuilder[] = []
const endedRings = new WeakMap<BlockBuilder, number>()
const ownFacts = new OwnFacts(threadId)
let payloads: PayloadStore | undefined
let remote: Control | undefined
/** Of the app; the main thread has `metrics` and `stalls`. */
const threads = new WorkerThreadWatch({ stallMs: settings.stallMs, isWanted: hasStarted, stalled: storeStall })
let blocksSeen = 0
const storage = new Storage({
  process: settings.process,
  given: settings.given,
  redactor,
  maxBytes: settings.maxBytes,
  joined: settings.joined,
  load: hotStoreModule,
  progressed: () => Atomics.add(control, WriterWord.progress, 1),
  opened: () => remote?.listen(),
  warn,
})
const profiles = new ProfileStore(settings.process, storage)

/** Takes a ring that nobody has: one that its thread has spilled, or that was offered twice, is left alone. */
function adopt(memory: SharedArrayBuffer, probe?: SharedArrayBuffer): void {
  const reader = new RingReader(memory)
  if (Atomics.load(reader.header, Header.ended) === 1) return
  if (Atomics.compareExchange(reader.header, Header.owner, RingOwner.nobody, RingOwner.writer) !== RingOwner.nobody) return
  const builder = new BlockBuilder(reader, redactor, payloadStore())
  remote?.watchSpans(builder)
  builders.push(builder)
  if (probe !== undefined) threads.add(reader.thread, probe, () => Atomics.load(reader.header, Header.ended) === 1)
  // It may hold records already.
  Atomics.add(control, WriterWord.wake, 1)
  Atomics.notify(control, WriterWord.wake)
}

function payloadStore(): PayloadStore {
  payloads ??= new PayloadStore(key, settings.capture, redactor)
  return payloads
}

let projectsKey: Buffer | undefined
/** Read (or made) at the first payload. Without a writable folder nothing is stored, so any key will do. */
function key(): Buffer {
  if (projectsKey === undefined) {
    try {
      projectsKey = projectKey(settings.dir)
    } catch {
      projectsKey = randomBytes(32)
    }
  }
  return projectsKey
}

const MISSED = Header.counters + COUNTERS.indexOf('packages_missed')

/** Nothing is created on disk before there is something to keep: a span, or why there will be none. */
function hasStarted(): boolean {
  return (
    storage.isOpen ||
    (settings.joined && builders.length > 0) ||
    builders.some(({ reader: { header } }) => [Header.counters, Header.slotsUsed, MISSED].some((at) => (header[at] ?? 0) > 0))
  )
}

// The app has said that it ends. From then on nothing is stored but what it waits for: it may terminate this thread at any moment, and a
// transaction that is cut off there holds LMDB's lock, for which the end of this thread would then wait for ever (seen on Node 22).
let isEnding = false

function tick(): void {
  if (isEnding) return
  atWork(() => {
    adoptOffered()
    if (!hasStarted()) return
    hotStoreModule()
    collect('aged')
    storage.storePending()
    storage.housekeep()
  })
}

/** Runs `work` unless the process is ending; it does not end meanwhile. */
function atWork(work: () => unknown): void {
  if (Atomics.compareExchange(control, WriterWord.gate, WriterGate.open, WriterGate.busy) !== WriterGate.open) return
  try {
    work()
  } finally {
    Atomics.store(control, WriterWord.gate, WriterGate.open)
    Atomics.notify(control, WriterWord.gate)
  }
}

function adoptOffered(): void {
  for (;;) {
    const message = receiveMessageOnPort(channel as unknown as MessagePortLike)
    if (message === undefined) return
    onOffer(message.message)
  }
}

function onOffer(message: unknown): void {
  if ((message as { type?: unknown }).type === 'cpu-profile') return profiles.storeCpu(message as CpuProfileMessage)
  if ((message as { type?: unknown }).type === 'heap-profile') return profiles.storeHeap(message as HeapProfileMessage)
  if ((message as { type?: unknown }).type === 'thread-ended') return noteEnd((message as { thread?: unknown }).thread)
  const { memory, probe } = message as { memory?: unknown; probe?: unknown }
  if (memory instanceof SharedArrayBuffer) adopt(memory, probe instanceof SharedArrayBuffer ? probe : undefined)
}

/** A thread that was terminated: its ring is read to the end and given up, and nobody waits for its answers. */
function noteEnd(thread: unknown): void {
  for (const { reader } of builders) if (reader.thread === thread) Atomics.store(reader.header, Header.ended, 1)
  threads.dropEnded()
}

/** Moves records from the rings into the storage. */
function collect(openSpans: OpenSpans): void {
  storage.seenNs = nowNs()
  for (let i = 0; i < builders.length; i++) {
    const builder = builders[i]
    if (builder === undefined) continue
    for (let first = true; ; first = false) {
      const next = builder.next(first ? openSpans : 'none')
      if (next === undefined) break
      next.release()
      blocksSeen++
      storage.add(next.block)
      Atomics.add(control, WriterWord.progress, 1)
      if (storage.waitsMuch) storage.storePending()
    }
    if (isFinished(builder)) builders.splice(i--, 1)
  }
  const own = ownFacts.take(!storage.waits && openSpans !== 'all')
  if (own !== undefined) storage.add(own)
  if (payloads !== undefined) storage.addContents(payloads.takeContents())
}

/** True once an ended thread's ring has been empty for a while, and is given up: what its exit listeners record from then on, it spills. */
function isFinished(builder: BlockBuilder): boolean {
  const { reader } = builder
  if (Atomics.load(reader.header, Header.ended) !== 1 || reader.hasRecords) return false
  const endedMs = endedRings.get(builder) ?? nowMs()
  endedRings.set(builder, endedMs)
  if (nowMs() - endedMs < ENDED_GRACE_MS) return false
  Atomics.store(reader.header, Header.owner, RingOwner.nobody)
  // A record of the very last moment: whoever is first has the ring.
  if (!reader.hasRecords) return true
  return Atomics.compareExchange(reader.header, Header.owner, RingOwner.nobody, RingOwner.writer) !== RingOwner.nobody
}

let hotStore: typeof import('../store/hot/write.ts') | undefined

/**
 * LMDB, loaded with the first span: a process that records nothing does without it. Throws where it cannot be loaded, before anything was
 * taken from a ring: that ends this thread, and the app thread spills.
 */
function hotStoreModule(): typeof import('../store/hot/write.ts') {
  try {
    return (hotStore ??= loadHotStore(ownRequire))
  } catch (error) {
    Atomics.store(control, WriterWord.state, WriterState.dead)
    throw error
  }
}

function flush(number: number, end: EndMark | undefined): void {
  isEnding ||= end !== undefined
  if (hasStarted()) hotStoreModule()
  try {
    adoptOffered()
    if (hasStarted()) {
      storage.tryAgain()
      if (end !== undefined) {
        for (const stop of [() => stalls?.stop(), () => threads.stop(), () => remote?.stop(), () => metrics?.finish()]) {
          try {
            stop()
          } catch {
            // What fails there must not cost the spans.
          }
        }
      }
      collect(end === undefined ? 'none' : 'all')
      storage.storePending()
      // Set aside just now: once more, into the new one.
      if (!storage.isOpen) storage.storePending()
    }
    if (end !== undefined) storage.putEnd(end)
  } finally {
    const unfinished = end === undefined ? undefined : snapshots.unfinished
    if (unfinished === undefined) flushed(number)
    else void finishSnapshot(unfinished).then(() => flushed(number))
  }
}

function flushed(number: number): void {
  Atomics.store(control, WriterWord.flushDone, number)
  Atomics.notify(control, WriterWord.flushDone)
}

/** The app's exit waits for a heap snapshot that is nearly written: as long as the counter moves, up to a second. */
async function finishSnapshot(unfinished: Promise<unknown>): Promise<void> {
  const moving = setInterval(() => Atomics.add(control, WriterWord.progress, 1), 20)
  await unfinished
  clearInterval(moving)
  atWork(() => {
    collect('none')
    storage.storePending()
  })
}

function createSnapshots(): HeapSnapshots {
  return new HeapSnapshots({
    sessionDir: settings.process.sessionDir,
    instance: settings.process.instance,
    control: settings.control,
    workerFile: path.join(__dirname, 'heap-snapshot-worker.cjs'),
    redact: settings.redact,
    root: settings.process.root,
    keepTexts: settings.capture === 'full',
    prepare: () => atWork(() => storage.open()),
    log: (level, message, attributes) => ownFacts.add('log', { level, message, attributes }),
  })
}

function createControl(): Control {
  return new Control({
    probe: settings.probe,
    triggers: settings.triggers,
    saysSettings: settings.saysSettings,
    sessionDir: settings.process.sessionDir,
    instance: settings.process.instance,
    builders,
    ask: (message) => parentPort?.postMessage(message),
    askForProfile: (ms) => parentPort?.postMessage({ type: 'profile', ms }),
    storedProfiles: () => profiles.ofMain,
    askThreadsForProfile: (profileMs) => askThreads(control, { profileMs }),
    storedThreadProfiles: () => profiles.ofThreads,
    threads: () => appThreads().length,
    appThreads,
    recordInThreads: (record) => askThreads(control, { record }),
    storeProfile: (message) => atWork(() => profiles.storeCpu(message)),
    storeHeapProfile: (profile) => {
      atWork(() => storage.open())
      return profiles.storeHeapFile(profile)
    },
    takeSnapshot,
    note(fact) {
      if (!hasStarted()) return
      ownFacts.add('action', fact, true)
      setImmediate(tick)
    },
    warn,
  })
}

/** Worker threads of the app that have not ended. */
function appThreads(): number[] {
  return builders.flatMap(({ reader }) => (reader.thread !== 0 && Atomics.load(reader.header, Header.ended) === 0 ? [reader.thread] : []))
}

async function takeSnapshot(reason: string, onPlan: (text: string) => void, thread: number): Promise<string> {
  const who = thread === 0 ? 'the app' : `worker thread ${thread}`
  const outcome = await snapshots.take(
    reason,
    (plan) => {
      if (plan.refusal === undefined)
        onPlan(`heap ${megabytes(plan.heapUsedBytes)}: ${who} will stand still for about ${(plan.pauseMs / 1000).toFixed(1)} s`)
    },
    thread,
  )
  if (!outcome.taken) throw new Error(outcome.why)
  return `heap snapshot ${path.basename(outcome.file)} (${megabytes(outcome.bytes)}), ${who} stood still for ${(outcome.pauseMs / 1000).toFixed(1)} s`
}

function startMetrics(): RuntimeMetrics | undefined {
  if (!settings.metrics && remote?.engine.watches('heap', 'rss', 'growth', 'near-oom') !== true) return undefined
  const started = new RuntimeMetrics({
    memory: settings.probe,
    ask: (question) => parentPort?.postMessage(question),
    isRecording: hasStarted,
    atWork,
    emit: (kind, fact) => ownFacts.add(kind, fact),
    addThreads: (add) => threads.measure(add),
    measured: (values) => remote?.measured(values),
  })
  started.start()
  return started
}

function storeStall(stall: object): void {
  ownFacts.add('stall', stall, true)
  setImmediate(tick)
}

/** What a stall says in the place of a stack when the agent itself made the app stand still. */
const SNAPSHOT_STALL = { stack: '    at heap snapshot (perf-agent)', steady: true, span: undefined }

function watchStalls(): StallWatch | undefined {
  const watchesLag = remote?.engine.watches('lag') === true
  if (settings.stallMs === 0 && !watchesLag) return undefined
  const watch = new StallWatch({
    memory: settings.probe,
    thresholdMs: settings.stallMs || 100,
    atWork,
    ask: (question) => parentPort?.postMessage(question),
    isWanted: () => hasStarted() && settings.stallMs > 0,
    stalled(stall) {
      const from = stall.s ?? stall.t
      storeStall(snapshots.explains(from, from + stall.d) ? { ...stall, ...SNAPSHOT_STALL } : stall)
    },
    delayed: (delayNs) => metrics?.addDelay(delayNs),
    looked: () => threads.look(),
    lagging: (ms) => remote?.engine.onLag(ms),
  })
  watch.start()
  return watch
}

/** One line on stderr in the life of the process; written directly, since the main thread may be blocked. */
function warn(text: string): void {
  if (settings.log === 'silent' || Atomics.exchange(control, WriterWord.warned, 1) === 1) return
  try {
    fs.writeSync(2, `[perf-agent] ${text.replaceAll('\n', ' ')}\n`)
  } catch {
    // stderr is closed
  }
}

type MessagePortLike = Parameters<typeof receiveMessageOnPort>[0]

const channel = new BroadcastChannel(settings.ringChannel)
// A message that no `receiveMessageOnPort` takes before the loop comes to it goes here, or is lost.
channel.onmessage = (event) => atWork(() => onOffer((event as { data: unknown }).data))
parentPort?.on('message', (message: { type?: string; number?: number; end?: EndMark; reason?: string; thread?: number }) => {
  if (message.type === 'flush') atWork(() => flush(message.number ?? 0, message.end))
  else if (message.type === 'cpu-profile') atWork(() => profiles.storeCpu(message as CpuProfileMessage))
  else if (message.type === 'heap-profile') atWork(() => profiles.storeHeap(message as unknown as HeapProfileMessage))
  else if (message.type === 'thread-ended') atWork(() => noteEnd(message.thread))
  else if (message.type === 'heap-snapshot') void snapshots.take(message.reason ?? '')
  // Opening the store takes longer than a tick: a kill shortly after the first span must not find it unopened.
  else if (message.type === 'first-span') setTimeout(tick, 1)
  else if (message.type === 'signal') remote?.engine.onSignal(message.reason ?? '')
})
// The permission model forbids addons: better known at once than with the first span.
if (settings.isRestricted) atWork(hotStoreModule)
adopt(settings.memory)
const snapshots = createSnapshots()
remote = createControl()
for (const builder of builders) remote.watchSpans(builder)
const metrics = startMetrics()
const stalls = watchStalls()
if (settings.saysSettings) for (const problem of problems) warn(problem)
Atomics.store(control, WriterWord.state, WriterState.ready)
keepTicking({
  tick,
  /** How much was found so far. */
  found: () => blocksSeen,
  readers: () => builders.map(({ reader }) => reader),
  control,
})
