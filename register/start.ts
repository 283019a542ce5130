import Module from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import satisfies from 'semver/functions/satisfies.js'
import { installModuleHooks } from '../loaders/module-hooks.ts'
import { installToolHooks } from '../loaders/tool-hooks.ts'
import { readConfig } from '../src/config.ts'
import type { Config } from '../src/config.ts'
import { cannotStore } from '../src/core/cannot-store.ts'
import { nowNs, wallMs } from '../src/core/clock.ts'
import { currentSpan } from '../src/core/context.ts'
import { Engine } from '../src/core/engine.ts'
import { cacheMeters } from '../src/core/cache-meter.ts'
import { installExit, installWorkerExit } from '../src/core/exit.ts'
import { guard, setFaultSink } from '../src/core/guard.ts'
import { createHandApi } from '../src/core/hand.ts'
import { hex32, randomHex64, seedIds } from '../src/core/ids.ts'
import type { Integration } from '../src/core/integration.ts'
import { Header, RingOwner, SpanFlag, WriterState, WriterWord } from '../src/core/layout.ts'
import { createProbeMemory } from '../src/core/probe-memory.ts'
import { takenWork } from '../src/core/message-port.ts'
import { Recorder } from '../src/core/recorder.ts'
import type { RemoteContext } from '../src/core/recorder.ts'
import { MAIN_RING, Ring, WORKER_RING } from '../src/core/ring.ts'
import { newSessionName, serviceName } from '../src/core/session-name.ts'
import { StateSnapshots } from '../src/core/state-snapshots.ts'
import { createTools } from '../src/core/tool-wrap.ts'
import type { Runtime } from '../src/core/runtime.ts'
import { startWriter, wakeWriter } from '../src/core/writer-client.ts'
import type { WriterClient } from '../src/core/writer-client.ts'
import { registry as allIntegrations } from '../src/integrations/registry.ts'
import { AppProbe } from '../src/profiling/app-probe.ts'
import type { ProbeQuestion } from '../src/profiling/app-probe.ts'
import { allowsPropagation, parseTraceparent } from '../src/semantics/propagation.ts'

import type { SpillEnd } from '../src/writer/spill.ts'
import { watchConnections } from './connections.ts'
import { ChildHandoff } from './handoff.ts'
import type { Handoff } from './handoff.ts'
import { carryMessages, newMessageTable } from './messages.ts'
import { createProfiling, startHeapSampling } from './profiling.ts'
import { startTaskWatch, type TaskWatch } from './async-tasks.ts'
import { passSignalsOn, remoteControl } from './remote-control.ts'
import { sayOnce } from './say.ts'
import { addServerTiming } from './server-timing.ts'
import { isSaid, settingsText, unknownIntegrations } from './settings-said.ts'
import { followCommands } from './thread-commands.ts'
import { watchThreadEnds } from './thread-ends.ts'
import { answerQuestions } from './thread-probe.ts'
import { newOriginTable, noteThreadOrigins, threadOrigin } from './thread-origin.ts'
import { isMainThread, threadId } from './threads.ts'

declare const __AGENT_VERSION__: string

/** What all threads of a process share. */
interface Shared {
  control: SharedArrayBuffer
  /** In which span each worker thread was started. */
  origins: SharedArrayBuffer
  /** In which span each message between threads was posted. */
  messages: SharedArrayBuffer
  process: ProcessInfo
}

/** The process as the writer and a spill file describe it. */
export interface ProcessInfo {
  instance: string
  parentInstance: string | null
  session: string
  /** Absolute folder of the session. */
  sessionDir: string
  /** Absolute folder that its settings start from. */
  root: string
  service: string
  pid: number
  ppid: number
  argv: string[]
  execArgv: string[]
  cwd: string
  node: string
  platform: string
  arch: string
  host: string
  agent: string
  startedAt: string
  startNs: number
  /** Switches of the app, from PERF_FLAGS. */
  flags: Record<string, string>
  tags: string[]
}

/** What a worker thread gets from the thread that started it. */
interface Inherited extends Shared {
  /** Ring of that thread. */
  parentMemory: SharedArrayBuffer
}

const SHARED_KEY = 'perf.agent'
const RING_CHANNEL = 'perf.agent.rings'

/** Starts recording in this thread. May throw, before anything of the app is touched; the caller lets the app run without it. */
export function startAgent(key: symbol, ownRequire: NodeJS.Require, bootFile: string, handoff: Handoff | undefined): void {
  const cwd = process.cwd()
  const inherited = isMainThread ? undefined : (getEnvironmentData(SHARED_KEY) as Inherited | undefined)
  // The app may have gone to another folder meanwhile: all threads and processes of a session have the settings of the one.
  const config = readConfig(process.env, cwd, inherited?.process.root || handoff?.root)
  if (!config.enabled) {
    install(key, { version: __AGENT_VERSION__ })
    return
  }
  seedIds()
  const ring = new Ring(isMainThread ? MAIN_RING : WORKER_RING, threadId)
  const recorder = new Recorder(ring, {
    payloadChars: config.capture === 'full' ? 1 << 20 : 1 << 16,
    captureFlag: config.capture === 'off' ? 0 : config.capture === 'full' ? SpanFlag.captureFull : SpanFlag.capturePreview,
    sampleRate: config.sample,
    logLimit: config.logLimit,
    origin: inherited === undefined ? handoff?.origin && (() => handoff.origin) : originOfThread(inherited),
  })
  const shared: Shared = inherited ?? {
    control: new SharedArrayBuffer(64),
    origins: newOriginTable(),
    messages: newMessageTable(),
    process: describeProcess(config, cwd, handoff),
  }
  const saysSettings = isMainThread && config.log !== 'silent' && !isSaid(config, handoff, shared.process.sessionDir)
  ring.onWake = () => wakeWriter(shared.control)
  const spill = lazySpill(config, ring, shared, ownRequire)
  const probeMemory = createProbeMemory()
  const isAsked = config.metrics || config.stalls > 0
  const tellWriter = (message: object): void => (writer === undefined ? postToWriter(message) : writer.post(message))
  const lookForEnds = isAsked ? guard('probe', () => watchThreadEnds((thread) => tellWriter({ type: 'thread-ended', thread }))) : undefined
  const probe = new AppProbe(probeMemory, ownRequire, {
    notesCollections: isMainThread,
    ...(lookForEnds === undefined ? {} : { answered: lookForEnds }),
  })
  const writer = isMainThread
    ? startMainWriter(config, ring, shared, path.join(path.dirname(bootFile), 'writer.cjs'), { memory: probeMemory, probe, saysSettings })
    : undefined
  const profiling = createProfiling({
    config,
    ownFolder: path.dirname(bootFile),
    say: (text) => sayOnce(shared.control, config.log, text),
    ownRequire,
    deliver(message) {
      const isReady = Atomics.load(new Int32Array(shared.control), WriterWord.state) === WriterState.ready
      if (!isReady)
        (ownRequire('./spill.cjs') as typeof import('../src/writer/spill.ts')).spillProfile(shared.process, message, config.redact)
      else tellWriter(message)
    },
  })
  const sampling = config.heap === 'sampling' || profilesNearOom(config.triggers) ? startHeapSampling(ownRequire, tellWriter) : undefined
  const finishProfiles = (): void => {
    profiling.finish()
    sampling?.finish()
    taskWatch?.finish()
    cacheMeters(recorder).flush()
  }
  let taskWatch: TaskWatch | undefined
  guard('handoff', () => {
    setEnvironmentData(SHARED_KEY, { ...shared, parentMemory: ring.memory } satisfies Inherited as unknown as string)
    noteThreadOrigins(shared.origins)
  })
  if (isMainThread) {
    taskWatch = config.async ? startTaskWatch(recorder, ownRequire, bootFile) : undefined
    installExit({ ring, writer, beforeFlush: finishProfiles, spill })
    writer?.onMessage('profile', ({ ms }) => profiling.profileFor(Number(ms)))
  } else {
    offerRing(ring, shared, isAsked ? probeMemory : undefined)
    if (isAsked) guard('probe', () => answerQuestions(probeMemory, probe))
    installWorkerExit(ring, finishProfiles, () => spill(null))
  }
  setFaultSink({ fault: (where, error) => noteFaultFact(recorder, where, error, config) })
  const runtime: Runtime = {
    recorder,
    recording: true,
    stampsLogs: config.logTraceIds,
    fault: process.env['PERF_TEST_FAULT'] ?? '',
    parseTraceparent,
    propagatesMessages: config.propagateMessages,
    allowsPropagation: (host) => host !== undefined && allowsPropagation(host, { allow: config.propagate }),
  }
  if (!isMainThread)
    guard('commands', () =>
      followCommands(shared.control, threadId, {
        profileFor: (ms) => profiling.profileFor(ms),
        record: (on) => (runtime.recording = on),
        offerHeap: (number) =>
          (ownRequire('./thread-heap.cjs') as typeof import('../src/profiling/offer-heap.ts')).offerHeap(number, guard),
      }),
    )
  const watchChannels = guard('messages', () => carryMessages(shared.messages, runtime, bootFile))
  const registry = allIntegrations.filter(({ name, optIn }) => optIn !== true || [...config.optIn, ...config.integrations].includes(name))
  const states = new StateSnapshots(recorder)
  writer?.onMessage('state-snapshot', ({ reason }) => states.takeAll(String(reason)))
  const isEnabled = (name: string): boolean =>
    (config.integrations.length === 0 || config.integrations.includes(name)) && !config.disable.includes(name)
  const engine = new Engine({
    registry,
    runtime,
    loadIntegration: (name) => loadIntegration(name, ownRequire, config, shared),
    satisfies: (version, range) => satisfies(version, range, { includePrerelease: true }),
    isEnabled,
  })
  for (const entry of registry) if (entry.always === true) engine.subscribeAlways(entry.name)
  install(key, {
    version: __AGENT_VERSION__,
    api: createHandApi(runtime, states),
    tools: createTools(runtime),
    running: runningSpan,
    ...remoteControl(runtime, () => probe.limit()),
    ...taskWatch,
  })
  if (saysSettings) for (const warning of [...config.warnings, ...unknownIntegrations(config)]) process._rawDebug(`[perf-agent] ${warning}`)
  if (config.tools !== '')
    installToolHooks({
      tools: config.tools,
      folders: [...new Set([shared.process.cwd, config.root])],
      ownRequire,
      bootFile,
      saysErrors: saysSettings,
    })
  const toChildren = new ChildHandoff({ ...shared.process, settings: settingsText(config) }, bootFile)
  toChildren.install(() => Module.prototype.require.call(module, 'child_process') as unknown)
  if (config.serverTiming) guard('server-timing', addServerTiming)
  const loadConnections = isEnabled('net') || isEnabled('dns') ? watchConnections() : undefined
  installModuleHooks({
    engine,
    registry,
    ownRequire,
    bootFile,
    alsoBuiltins: ['worker_threads'],
    builtinLoaded(name, exports) {
      if (name === 'child_process') toChildren.wrap(exports as Record<string, unknown>)
      else if (name === 'https' || name === 'net') loadConnections?.()
      else if (name === 'worker_threads') watchChannels?.()
    },
    say: (text) => sayOnce(shared.control, config.log, text),
  })
}

/** Roots of a worker thread belong to the message it took from a port and works on, else to the span it was started in. */
function originOfThread({ origins, parentMemory }: Inherited): () => RemoteContext | undefined {
  const started = threadOrigin(origins, parentMemory)
  return () => takenWork() ?? started()
}

/** A process that runs out of memory has no time to sample its allocations any more: it does so from the start. */
const profilesNearOom = (triggers: string): boolean => /near-oom\s*:\s*heap-/.test(triggers)

/** What answers the writer's questions in this thread. */
interface OwnProbe {
  memory: SharedArrayBuffer
  probe: AppProbe
  /** What is wrong with the settings is said here. */
  saysSettings: boolean
}

function startMainWriter(config: Config, ring: Ring, shared: Shared, file: string, own: OwnProbe): WriterClient {
  const settings = {
    memory: ring.memory,
    process: shared.process,
    dir: config.dir,
    capture: config.capture,
    redact: config.redact,
    maxBytes: config.maxBytes,
    log: config.log,
    saysSettings: own.saysSettings,
    given: config.given,
    isRestricted: 'permission' in process,
    ringChannel: RING_CHANNEL,
    joined: config.session !== '',
    probe: own.memory,
    metrics: config.metrics,
    triggers: config.triggers,
    stallMs: isDebugged() || isRunner() ? 0 : config.stalls,
  }
  const writer = startWriter(file, shared.control, settings, (error) =>
    sayOnce(
      shared.control,
      config.log,
      `the writer thread ended: ${messageOf(error)}. What fits into memory is written when the app ends; the app is not affected.`,
    ),
  )
  for (const type of ['ping', 'sample', 'presence'] as const)
    writer.onMessage(type, (question) => own.probe.answer(question as unknown as ProbeQuestion))
  passSignalsOn(writer)
  ring.onFirstSpan = () => guard('writer', () => writer.post({ type: 'first-span' }))
  return writer
}

function loadIntegration(name: string, ownRequire: NodeJS.Require, config: Config, shared: Shared): Integration {
  try {
    return (ownRequire(`./integrations/${name}.cjs`) as { default: Integration }).default
  } catch (error) {
    sayOnce(shared.control, config.log, `the integration ${name} cannot be loaded: ${messageOf(error)}. The app is not affected.`)
    throw error
  }
}

/** `node --test` and `node --watch` run the app elsewhere and have no inspector; connecting to it aborts the process (Node 22). */
function isRunner(): boolean {
  return process.execArgv.some((arg) => /^--(test|watch)(-|=|$)/.test(arg))
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.replace(/\.$/, '') ?? ''
}

/** Writes this thread's ring to its spill file; loads what that takes only then. Says once per process when the disk refuses. */
function lazySpill(config: Config, ring: Ring, shared: Shared, ownRequire: NodeJS.Require): (end: SpillEnd) => void {
  let spill: ((end: SpillEnd) => void) | undefined
  return (end) => {
    try {
      const { createSpill } = ownRequire('./spill.cjs') as typeof import('../src/writer/spill.ts')
      spill ??= createSpill({
        memory: ring.memory,
        definitions: ring.definitions(),
        process: shared.process,
        redact: config.redact,
        dir: config.dir,
      })
      spill(end)
    } catch (error) {
      sayOnce(shared.control, config.log, cannotStore(shared.process.sessionDir, error))
      throw error
    }
  }
}

/** A main thread that stands at a breakpoint is not stalled. */
function isDebugged(): boolean {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((option) => option.includes('--inspect'))
}

/** Hands a worker thread's ring (and what it answers questions in) to the process's writer; repeated until the writer has it, since a starting writer hears nothing. */
function offerRing(ring: Ring, shared: Shared, probe: SharedArrayBuffer | undefined): void {
  const control = new Int32Array(shared.control)
  let tries = 0
  const offer = (): void => {
    if (Atomics.load(ring.header, Header.owner) !== RingOwner.nobody || tries++ > 200) return
    if (Atomics.load(control, WriterWord.state) === WriterState.ready) postToWriter({ type: 'ring', memory: ring.memory, probe })
    setTimeout(offer, 25).unref()
  }
  offer()
}

/** From a worker thread of the app. */
function postToWriter(message: object): void {
  const channel = new BroadcastChannel(RING_CHANNEL)
  channel.postMessage(message)
  channel.close()
}

function describeProcess(config: Config, cwd: string, handoff: Handoff | undefined): ProcessInfo {
  const service = serviceName(config.service, process.argv[1], cwd)
  const given = config.session || handoff?.session || ''
  const session = given === '' ? newSessionName(service, wallMs()) : path.basename(given)
  const sessionDir = path.isAbsolute(given) ? given : path.join(config.dir, 'sessions', session)
  return {
    instance: randomHex64(),
    parentInstance: handoff?.instance ?? null,
    session,
    sessionDir,
    root: config.root,
    service,
    pid: process.pid,
    ppid: process.ppid,
    argv: process.argv,
    execArgv: process.execArgv,
    cwd,
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    host: os.hostname(),
    agent: __AGENT_VERSION__,
    startedAt: new Date(wallMs()).toISOString(),
    startNs: nowNs(),
    flags: config.flags,
    tags: config.tags,
  }
}

/** Id of the span whose code is running, for whoever looks in from outside; empty when there is none. */
function runningSpan(): string {
  const span = currentSpan()
  return span === undefined ? '' : hex32(span.idHigh) + hex32(span.idLow)
}

let faultsSaid = 0

function noteFaultFact(recorder: Recorder, where: string, error: unknown, config: Config): void {
  recorder.ring.count('faults')
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  if (faultsSaid++ < 20)
    recorder.fact('fault', {
      where,
      message: message.slice(0, 500),
      stack: error instanceof Error ? error.stack?.slice(0, 1500) : undefined,
    })
  if (config.log === 'debug') process._rawDebug(`[perf-agent] ${where}: ${message}`)
}

function install(key: symbol, value: object): void {
  Object.defineProperty(globalThis, key, { value, enumerable: false, configurable: false, writable: false })
}
