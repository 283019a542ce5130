import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { parentPort, receiveMessageOnPort, threadId, workerData } from 'node:worker_threads'
import { nowNs } from '../core/clock.ts'
import { COUNTERS, Header, RingOwner, WriterGate, WriterState, WriterWord } from '../core/layout.ts'
import type { HeapProfileMessage } from '../core/heap-profile-format.ts'
import type { CpuProfileMessage } from '../profiling/cpu.ts'
import { HeapProfileFiles } from '../profiling/heap-profile-files.ts'
import { writeHeapProfile, writeProfile } from '../profiling/profile-files.ts'
import { megabytes } from '../profiling/snapshot-plan.ts'
import type { Block } from '../store/codec/block.ts'
import { RingReader } from '../store/hot/ring-reader.ts'
import { DAMAGED_CODE } from '../store/hot/room.ts'
import type { HotStore } from '../store/hot/write.ts'
import { HeapSnapshots } from '../profiling/heap-snapshot.ts'
import { RuntimeMetrics } from '../profiling/runtime-metrics.ts'
import { StallWatch } from '../profiling/stall-watch.ts'
import { wallAnchor } from './anchor.ts'
import { BlockBuilder } from './block-builder.ts'
import { Control } from './control.ts'
import type { OpenSpans } from './block-builder.ts'
import { cannotStore } from '../core/cannot-store.ts'
import { OwnFacts } from './own-facts.ts'
import { PayloadStore } from './payloads.ts'
import type { Capture, PayloadContent } from './payloads.ts'
import { loadRedactor } from './redaction-rules.ts'
import { createSessionFolder, processMeta, projectKey } from './session-folder.ts'
import type { ProcessInfo } from './session-folder.ts'

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

interface EndMark {
  code: number
  reason: string
  wallMs: number
  monoNs: number
}

const TICK_MS = 20
/** After a tick that found nothing: half the wake-ups, and a kill right after the next span still loses no more than 50 ms. */
const IDLE_TICK_MS = 40
const BEAT_MS = 2000
const RETRY_MS = 1000
/** Blocks kept in memory while the disk refuses them; beyond, the oldest are given up and counted. */
const MAX_PENDING_BYTES = 32 << 20
/** Data of the blocks of one commit, about. */
const MAX_COMMIT_BYTES = 1 << 20
/** How long the ring of an ended thread is still looked at: its exit listeners may make spans. */
const ENDED_GRACE_MS = 1000

const ownRequire = createRequire(__filename)
const settings = workerData as Settings
const control = new Int32Array(settings.control)
const { redactor, problems } = loadRedactor(settings.redact, settings.process.cwd)
const builders: BlockBuilder[] = []
const endedRings = new WeakMap<BlockBuilder, number>()
const ownFacts = new OwnFacts(threadId)
let payloads: PayloadStore | undefined
let store: HotStore | undefined
let remote: Control | undefined
/** Profiles of the main thread that were written. */
let storedProfiles = 0
let pending: Block[] = []
let pendingContents: PayloadContent[] = []
let pendingBytes = 0
let blocksSeen = 0
let lostSpans = 0
let lostStored = 0
let lastBeatMs = 0
/** When the rings were last read; and the same of what is stored. */
let seenNs = nowNs()
let storedNs = 0
let lastFlushMs = 0
let nextTryMs = 0
let hasFailed = false
let readMarksMtime = 0

/** Takes a ring that nobody has: one that its thread has spilled, or that was offered twice, is left alone. */
function adopt(memory: SharedArrayBuffer): void {
  const reader = new RingReader(memory)
  if (Atomics.load(reader.header, Header.ended) === 1) return
  if (Atomics.compareExchange(reader.header, Header.owner, RingOwner.nobody, RingOwner.writer) !== RingOwner.nobody) return
  const builder = new BlockBuilder(reader, redactor, payloadStore())
  remote?.watchSpans(builder)
  builders.push(builder)
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

/** Milliseconds that never go back: what is due must not wait for a wall clock that was set. */
function nowMs(): number {
  return nowNs() / 1e6
}

const MISSED = Header.counters + COUNTERS.indexOf('packages_missed')

/** Nothing is created on disk before there is something to keep: a span, or why there will be none. */
function hasStarted(): boolean {
  return (
    store !== undefined ||
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
    loadHotStore()
    collect('aged')
    storePending()
    housekeep()
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
  if ((message as { type?: unknown }).type === 'cpu-profile') return storeProfile(message as CpuProfileMessage)
  if ((message as { type?: unknown }).type === 'heap-profile') return storeHeapProfile(message as HeapProfileMessage)
  const memory = (message as { type?: unknown; memory?: unknown }).memory
  if (memory instanceof SharedArrayBuffer) adopt(memory)
}

/** Moves records from the rings into `pending`. */
function collect(openSpans: OpenSpans): void {
  seenNs = nowNs()
  for (let i = 0; i < builders.length; i++) {
    const builder = builders[i]
    if (builder === undefined) continue
    for (let first = true; ; first = false) {
      const next = builder.next(first ? openSpans : 'none')
      if (next === undefined) break
      next.release()
      blocksSeen++
      pending.push(next.block)
      pendingBytes += next.block.data.length
      Atomics.add(control, WriterWord.progress, 1)
      if (pendingBytes > 4 << 20) storePending()
    }
    if (isFinished(builder)) builders.splice(i--, 1)
  }
  const own = ownFacts.take(pending.length === 0 && openSpans !== 'all')
  if (own !== undefined) {
    pending.push(own)
    pendingBytes += own.data.length
  }
  if (payloads !== undefined) pendingContents.push(...payloads.takeContents())
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

function storePending(): void {
  const now = nowMs()
  if (pending.length === 0 && pendingContents.length === 0) {
    if (store !== undefined && now - lastBeatMs >= BEAT_MS) attempt(() => beat(now))
    else if (store === undefined && settings.joined) attempt(openStore)
    return
  }
  if (now < nextTryMs) {
    dropOverflow()
    return
  }
  attempt(() => {
    openStore()
    while (pending.length > 0 || pendingContents.length > 0) storePortion()
    hasFailed = false
    lastBeatMs = now
    countLost(lostSpans)
  })
}

/** Commits the oldest pending blocks, as many as a commit should hold; one by one on a disk that has just refused, so that some find room. */
function storePortion(): void {
  const mostBytes = hasFailed ? 1 : MAX_COMMIT_BYTES
  let bytes = 0
  let count = 0
  while (count < pending.length && (count === 0 || bytes < mostBytes)) bytes += pending[count++]?.data.length ?? 0
  const isAll = count === pending.length
  commit(pending.slice(0, count), pendingContents, isAll ? seenNs : storedNs)
  pending.splice(0, count)
  pendingContents = []
  pendingBytes = Math.max(0, pendingBytes - bytes)
}

/** `monoNs`: everything that ended before it is in the store after this. */
function commit(blocks: Block[], contents: PayloadContent[], monoNs: number, process?: object): void {
  store?.commit(blocks, contents, { wallMs: Date.now(), monoNs }, process)
  storedNs = monoNs
}

function countLost(spans: number): void {
  if (spans === lostStored) return
  store?.putMeta('lost', { spans })
  lostStored = spans
}

function attempt(action: () => void): void {
  try {
    action()
    Atomics.add(control, WriterWord.progress, 1)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === DAMAGED_CODE) return setAside(error)
    nextTryMs = nowMs() + RETRY_MS
    hasFailed = true
    warn(cannotStore(settings.process.sessionDir, error))
    dropOverflow()
  }
}

/** What the environment held counts as lost; the recording goes on in a new one. */
function setAside({ message }: Error): void {
  warn(`the recording in ${settings.process.sessionDir} was damaged (${message}); it goes on in a new file. The app is not affected.`)
  lostSpans += store?.storedSpans() ?? 0
  lostStored = 0
  const damaged = store
  store = undefined
  try {
    damaged?.setAside()
  } catch {
    // not ours to move
  }
}

function dropOverflow(): void {
  while (pendingBytes > MAX_PENDING_BYTES && pending.length > 0) {
    const block = pending.shift()
    pendingBytes -= block?.data.length ?? 0
    lostSpans += block?.spans ?? 0
  }
  if (pendingContents.length > 10_000) pendingContents = []
}

let hotStore: typeof import('../store/hot/write.ts') | undefined

/**
 * LMDB, loaded with the first span: a process that records nothing does without it. Throws where it cannot be loaded, before anything was
 * taken from a ring: that ends this thread, and the app thread spills.
 */
function loadHotStore(): typeof import('../store/hot/write.ts') {
  try {
    hotStore ??= ownRequire('./hot-store.cjs') as typeof import('../store/hot/write.ts')
    return hotStore
  } catch (error) {
    Atomics.store(control, WriterWord.state, WriterState.dead)
    throw error
  }
}

function openStore(): void {
  if (store !== undefined) return
  createSessionFolder(settings.process, settings.given, redactor)
  const { HotStore } = loadHotStore()
  store = new HotStore(settings.process.sessionDir, settings.process.instance)
  commit([], [], storedNs, processMeta(settings.process, settings.given, redactor))
  remote?.listen()
}

function storeProfile(message: CpuProfileMessage): void {
  attempt(() => {
    openStore()
    writeProfile(path.join(settings.process.sessionDir, 'profiles'), settings.process.instance, message, wallAnchor())
    if (message.thread === 0) storedProfiles++
  })
}

let heapProfiles: HeapProfileFiles | undefined

function storeHeapProfile({ profile }: HeapProfileMessage): void {
  attempt(() => {
    openStore()
    heapProfiles ??= new HeapProfileFiles(settings.process.sessionDir, settings.process.instance)
    heapProfiles.add(profile)
  })
}

function beat(now: number): void {
  store?.putMeta('beat', { wallMs: Date.now(), monoNs: seenNs })
  lastBeatMs = now
}

function housekeep(): void {
  const now = nowMs()
  if (store === undefined || now - lastFlushMs < BEAT_MS) return
  lastFlushMs = now
  attempt(() => {
    store?.flush()
    deleteRead()
    if (store !== undefined && store.usedBytes() > settings.maxBytes) store.rotate()
  })
}

function deleteRead(): void {
  const file = path.join(settings.process.sessionDir, 'hot', `${settings.process.instance}.read.json`)
  const stat = fs.statSync(file, { throwIfNoEntry: false })
  if (stat === undefined || stat.mtimeMs === readMarksMtime) return
  readMarksMtime = stat.mtimeMs
  store?.deleteRead(JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, number>)
}

function flush(number: number, end: EndMark | undefined): void {
  isEnding ||= end !== undefined
  if (hasStarted()) loadHotStore()
  try {
    adoptOffered()
    if (hasStarted()) {
      nextTryMs = 0
      if (end !== undefined) {
        for (const stop of [() => stalls?.stop(), () => remote?.stop(), () => metrics?.finish()]) {
          try {
            stop()
          } catch {
            // What fails there must not cost the spans.
          }
        }
      }
      collect(end === undefined ? 'none' : 'all')
      storePending()
      // Set aside just now: once more, into the new one.
      if (store === undefined) storePending()
      if (end !== undefined && store !== undefined) attempt(() => putEnd(end))
    }
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
  const moving = setInterval(() => Atomics.add(control, WriterWord.progress, 1), TICK_MS)
  await unfinished
  clearInterval(moving)
  atWork(() => {
    collect('none')
    storePending()
  })
}

function createSnapshots(): HeapSnapshots {
  return new HeapSnapshots({
    sessionDir: settings.process.sessionDir,
    instance: settings.process.instance,
    workerFile: path.join(__dirname, 'heap-snapshot-worker.cjs'),
    redact: settings.redact,
    cwd: settings.process.cwd,
    keepTexts: settings.capture === 'full',
    prepare: () => atWork(openStore),
    log: (level, message, attributes) => ownFacts.add('log', { level, message, attributes }),
  })
}

function createControl(): Control {
  return new Control({
    probe: settings.probe,
    triggers: settings.triggers,
    sessionDir: settings.process.sessionDir,
    instance: settings.process.instance,
    builders,
    ask: (message) => parentPort?.postMessage(message),
    askForProfile: (ms) => parentPort?.postMessage({ type: 'profile', ms }),
    storedProfiles: () => storedProfiles,
    storeProfile: (message) => atWork(() => storeProfile(message)),
    storeHeapProfile: (profile) => {
      atWork(openStore)
      return writeHeapProfile(path.join(settings.process.sessionDir, 'heap'), settings.process.instance, profile)
    },
    takeSnapshot,
    note(fact) {
      if (hasStarted()) ownFacts.add('action', fact)
    },
    warn,
  })
}

async function takeSnapshot(reason: string, onPlan: (text: string) => void): Promise<string> {
  const outcome = await snapshots.take(reason, (plan) => {
    if (plan.refusal === undefined)
      onPlan(`heap ${megabytes(plan.heapUsedBytes)}: the app will stand still for about ${(plan.pauseMs / 1000).toFixed(1)} s`)
  })
  if (!outcome.taken) throw new Error(outcome.why)
  return `heap snapshot ${path.basename(outcome.file)} (${megabytes(outcome.bytes)}), the app stood still for ${(outcome.pauseMs / 1000).toFixed(1)} s`
}

function startMetrics(): RuntimeMetrics | undefined {
  if (!settings.metrics && remote?.engine.watches('heap', 'rss', 'growth', 'near-oom') !== true) return undefined
  const started = new RuntimeMetrics({
    memory: settings.probe,
    ask: (question) => parentPort?.postMessage(question),
    isRecording: hasStarted,
    atWork,
    emit: (kind, fact) => ownFacts.add(kind, fact),
    measured: (values) => remote?.measured(values),
  })
  started.start()
  return started
}

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
      ownFacts.add('stall', stall, true)
      setImmediate(tick)
    },
    delayed: (delayNs) => metrics?.addDelay(delayNs),
    lagging: (ms) => remote?.engine.onLag(ms),
  })
  watch.start()
  return watch
}

function putEnd(end: EndMark): void {
  countLost(lostSpans + pending.reduce((sum, { spans }) => sum + spans, 0))
  store?.putMeta('end', { wallMs: end.wallMs, monoNs: end.monoNs, code: end.code, reason: end.reason })
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
parentPort?.on('message', (message: { type?: string; number?: number; end?: EndMark; reason?: string }) => {
  if (message.type === 'flush') atWork(() => flush(message.number ?? 0, message.end))
  else if (message.type === 'cpu-profile') atWork(() => storeProfile(message as CpuProfileMessage))
  else if (message.type === 'heap-profile') atWork(() => storeHeapProfile(message as unknown as HeapProfileMessage))
  else if (message.type === 'heap-snapshot') void snapshots.take(message.reason ?? '')
  // Opening the store takes longer than a tick: a kill shortly after the first span must not find it unopened.
  else if (message.type === 'first-span') setTimeout(tick, 1)
  else if (message.type === 'signal') remote?.engine.onSignal(message.reason ?? '')
})
// The permission model forbids addons: better known at once than with the first span.
if (settings.isRestricted) atWork(loadHotStore)
adopt(settings.memory)
const snapshots = createSnapshots()
remote = createControl()
for (const builder of builders) remote.watchSpans(builder)
const metrics = startMetrics()
const stalls = watchStalls()
for (const problem of problems) warn(problem)
Atomics.store(control, WriterWord.state, WriterState.ready)
// A ref'd timer: `Atomics.waitAsync` alone would let this thread end.
function tickOnAndOn(): void {
  const before = blocksSeen
  tick()
  setTimeout(tickOnAndOn, blocksSeen === before ? IDLE_TICK_MS : TICK_MS)
}
tickOnAndOn()
