import diagnosticsChannel from 'node:diagnostics_channel'
import { bindSpan, currentSpan } from './context.ts'
import { maskMessagesOf } from './error-messages.ts'
import { replaceFound, wrapFinding } from './finds.ts'
import { wrapGiven } from './given.ts'
import { guard, isSwitchedOff, noteFault } from './guard.ts'
import type {
  Binding,
  CacheTarget,
  Channel,
  Finds,
  Integration,
  LoadedModule,
  Log,
  LogChannel,
  Messages,
  Outcome,
  Target,
} from './integration.ts'
import { subscribeLog, wrapLog } from './log.ts'
import { wrapItems } from './items.ts'
import { subscribeMessages } from './messages.ts'
import { readPath } from './patch.ts'
import { patchThrough } from './reveal.ts'
import { wrapRouting } from './routes.ts'
import type { Span } from './span.ts'
import { settleStream } from './settle/stream.ts'
import { unseal } from './sealed.ts'
import { wrapCache } from './wrap-cache.ts'
import { ActiveCall, planOf } from './active-call.ts'
import type { Runtime } from './runtime.ts'
import { endSpan, startSpan } from './span-life.ts'
import { wrapTarget } from './wrap.ts'
import { wrapBinding } from './wrap-binding.ts'

/** One row of the generated registry: enough to know what to hook without loading the integration. */
export interface RegistryEntry {
  readonly name: string
  readonly modules: readonly string[]
  readonly kind: string
  /** Off unless the configuration names it. */
  readonly optIn?: boolean
  /** True when it only listens to channels of Node itself: subscribed at boot. */
  readonly always?: boolean
  /** Files that are hooked besides the entry points. */
  readonly esmFiles?: readonly string[]
  readonly cjsFiles?: readonly string[]
}

export interface EngineOptions {
  registry: readonly RegistryEntry[]
  runtime: Runtime
  /** Loads an integration's definition; called once, when its library is first seen. */
  loadIntegration(name: string): Integration
  satisfies(version: string, range: string): boolean
  isEnabled(name: string): boolean
}

/** How a module came in. */
export interface ModuleSeen {
  name: string
  version: string
  /** Path inside the package without extension for internal files; undefined for an entry point. */
  file: string | undefined
  format: 'cjs' | 'esm'
  /** What `moduleLoaded` returns takes the place of the exports. */
  replaceable?: boolean
}

type AnyShape = { self: unknown; args: unknown[]; result: unknown }
type AnyTarget = Target<AnyShape>

/** Applies integrations to modules as they load: matching, patching, channel subscriptions, and a report of what was not possible. */
export class Engine {
  private readonly options: EngineOptions
  private readonly loaded = new Map<string, Integration | undefined>()
  private readonly reported = new Set<string>()
  private readonly subscribed = new Set<string>()
  private readonly early = new Set<string>()

  constructor(options: EngineOptions) {
    this.options = options
  }

  /** Called by the hooks for every module on the list, with its exports. Returns what a `require` of it is to give. */
  moduleLoaded(exports: unknown, seen: ModuleSeen): unknown {
    let given = exports
    for (const entry of this.options.registry) {
      if (!entry.modules.includes(seen.name) && !entry.modules.includes(`node:${seen.name}`)) continue
      if (!this.options.isEnabled(entry.name)) {
        this.report(entry, seen, 'disabled', 'switched off by configuration', [])
        continue
      }
      given = guard(entry.name, () => this.apply(entry, given, seen)) ?? given
    }
    return given
  }

  /** As `moduleLoaded`, for a module that was there before the agent: wrapped as far as that goes, and reported. */
  loadedBefore(exports: unknown, seen: ModuleSeen): void {
    this.early.add(copyOf(seen))
    this.moduleLoaded(exports, seen)
  }

  /** Subscribes to an integration that needs no module (channels of Node itself). */
  subscribeAlways(name: string): void {
    if (!this.options.isEnabled(name)) return
    guard(name, () => {
      const integration = this.integration(name)
      for (const target of integration?.targets ?? []) {
        if (integration === undefined) continue
        if (target.type === 'channel') this.subscribe(integration, target, { name: 'node', version: process.versions.node, format: 'cjs' })
        else if (target.type === 'messages') this.subscribeMessages(integration, target)
        else if (target.type === 'logChannel' || target.type === 'log') this.recordGlobalLog(integration, target)
      }
    })
  }

  /** A logger of Node itself, by its channel or, on older Node, by its functions. */
  private recordGlobalLog(integration: Integration, target: LogChannel<never> | Log<never>): void {
    const { runtime, satisfies } = this.options
    if (!satisfies(process.versions.node, target.versions)) return
    if (target.type === 'logChannel') subscribeLog(target, integration.name, runtime)
    else if (target.global !== undefined) this.patch(integration, target, globalThis[target.global], NODE)
  }

  private integration(name: string): Integration | undefined {
    if (!this.loaded.has(name))
      this.loaded.set(
        name,
        guard(name, () => this.options.loadIntegration(name)),
      )
    return this.loaded.get(name)
  }

  private apply(entry: RegistryEntry, exports: unknown, seen: ModuleSeen): unknown {
    const integration = this.integration(entry.name)
    if (integration === undefined) {
      this.report(entry, seen, 'failed', 'the integration could not be loaded', [])
      return exports
    }
    const module: LoadedModule = { name: seen.name, version: seen.version, format: seen.format }
    const unsealed = seen.replaceable === true ? unseal(exports, pathsOf(integration, seen.file)) : undefined
    // A module that is a function itself can be replaced where it is required.
    const itself = seen.replaceable === true && typeof exports === 'function' && !Object.hasOwn(exports, 'default')
    const root = itself ? { default: exports } : unsealed === undefined ? exports : unsealed.exports
    const missing: string[] = []
    let supported = 0
    let patched = 0
    for (const target of integration.targets) {
      if (!isOfModule(target, seen.name) || !this.options.satisfies(seen.version, target.versions)) continue
      supported++
      if (target.type === 'channel') {
        this.subscribe(integration, target, module)
        patched++
      } else if (target.type === 'messages') {
        this.subscribeMessages(integration, target)
        patched++
      } else if (target.type === 'logChannel') {
        subscribeLog(target, integration.name, this.options.runtime)
        patched++
      } else if (matchesFile(target, seen.file)) {
        if (this.patch(integration, target as unknown as AnyTarget | Binding | Log<never> | CacheTarget<AnyShape>, root, module) > 0)
          patched++
        else missing.push(target.path)
      }
    }
    for (const errors of integration.errors ?? []) {
      if (matchesFile(errors, seen.file) && this.options.satisfies(seen.version, errors.versions))
        maskMessagesOf(readPath(root, errors.path), integration.name, errors.message)
    }
    const through = integration.through?.find((other) => other.module === seen.name && this.options.satisfies(seen.version, other.versions))
    if (through !== undefined) {
      this.report(entry, seen, 'wrapped', `through ${through.by}`, [])
    } else if (supported === 0) {
      this.report(
        entry,
        seen,
        'unsupported',
        `version ${seen.version} is outside the supported range ${rangesOf(integration, seen.name)}`,
        [],
      )
    } else if (patched > 0) {
      this.report(entry, seen, 'wrapped', '', missing)
    } else if (missing.length > 0) {
      this.report(entry, seen, 'not-found', 'the functions to wrap are not where they were in other versions', missing)
    }
    unsealed?.seal()
    return itself ? (root as { default: unknown }).default : root
  }

  private patch(
    integration: Integration,
    target: AnyTarget | Binding | Log<never> | CacheTarget<AnyShape>,
    exports: unknown,
    module: LoadedModule,
  ): number {
    const { runtime } = this.options
    const wrap = (original: (...args: unknown[]) => unknown): ((...args: unknown[]) => unknown) => {
      const { kind, name } = integration
      if (target.type === 'binding') return wrapBinding(original, target, runtime)
      if (target.type === 'log') return wrapLog(original, target, name, module, runtime)
      if (target.type === 'cache') return wrapCache(original, target, kind, name, module, runtime)
      if (target.items === true) return wrapItems(original, target, kind, name, module, runtime)
      const wrapper =
        target.given === undefined
          ? wrapTarget(original, target, kind, name, module, runtime)
          : wrapGiven(original, target, target.given, kind, name, module, runtime)
      const routing = target.route === undefined ? wrapper : wrapRouting(wrapper, target.route, name, module, runtime)
      return target.finds === undefined ? routing : wrapFinding(routing, target.finds, kind, name, module, runtime)
    }
    return patchThrough(exports, target, wrap)
  }

  /** Spans from a TracingChannel that the library publishes itself. The span lives in a WeakMap keyed by the event's message. */
  private subscribe(integration: Integration, definition: Channel<never>, module: LoadedModule): void {
    if (this.subscribed.has(definition.name)) return
    this.subscribed.add(definition.name)
    const { runtime } = this.options
    const channel = definition as unknown as Channel<object>
    const spans = new WeakMap<object, Span>()
    const where = integration.name
    const on = (event: string, handler: (message: object) => void): void => {
      diagnosticsChannel.subscribe(`tracing:${definition.name}:${event}`, (message) => {
        // What began while it was recorded is followed to its end.
        if ((event === 'start' && !runtime.recording) || isSwitchedOff(where) || typeof message !== 'object' || message === null) return
        try {
          handler(message)
        } catch (error) {
          noteFault(where, error)
        }
      })
    }
    const finish = (message: object, outcome: Outcome): void => {
      const span = spans.get(message)
      if (span === undefined || span.ended) return
      spans.delete(message)
      endSpan(runtime, span, outcome, channel.end?.(message, outcome))
    }
    const begin = (message: object): Span | undefined => {
      if (runtime.fault === where) throw new Error('injected by PERF_TEST_FAULT')
      if (channel.finds !== undefined) replaceFound(channel.finds as Finds<never>, message, integration.kind, where, module, runtime)
      const started = channel.start(message)
      if (started === undefined) return undefined
      const span = startSpan(started, integration.kind, where, currentSpan(), runtime)
      spans.set(message, span)
      if (channel.nests === true) forgotten.register(message, { span, runtime })
      return span
    }
    const { stream } = channel
    if (channel.nests === true) {
      bindSpan(`tracing:${definition.name}:start`, (message) =>
        !runtime.recording || isSwitchedOff(where) ? undefined : guard(where, () => begin(message)),
      )
    } else on('start', begin)
    on('error', (message) => {
      finish(message, { ok: false, error: (message as { error?: unknown }).error })
    })
    // `traceSync`, and what gives a promise or a value, is over here when it has a result.
    on('end', (message) => {
      if (stream === undefined && Object.hasOwn(message, 'result')) finish(message, { ok: true, result: Reflect.get(message, 'result') })
    })
    on('asyncEnd', (message) => {
      const { result } = message as { result?: unknown }
      const span = stream === undefined ? undefined : spans.get(message)
      if (stream === undefined || span === undefined || span.ended) return finish(message, { ok: true, result })
      const target: AnyTarget = { ...CHANNEL_TARGET, stream, end: (_call, outcome) => channel.end?.(message, outcome) }
      settleStream(new ActiveCall(span, where, runtime, planOf(target), { self: undefined, args: [], module }, undefined), result)
    })
  }

  private subscribeMessages(integration: Integration, definition: Messages<never>): void {
    const key = `messages ${definition.begin}`
    if (this.subscribed.has(key)) return
    this.subscribed.add(key)
    subscribeMessages(definition, integration.kind, integration.name, this.options.runtime)
  }

  private report(entry: RegistryEntry, seen: ModuleSeen, status: string, reason: string, missing: readonly string[]): void {
    if (status === 'wrapped' && this.early.has(copyOf(seen))) return this.report(entry, seen, 'loaded-before', LOADED_BEFORE, missing)
    const key = `${entry.name} ${seen.name}@${seen.version} ${seen.format} ${status}`
    if (this.reported.has(key)) return
    this.reported.add(key)
    if (status !== 'wrapped' && status !== 'disabled') this.options.runtime.recorder.ring.count('packages_missed')
    this.options.runtime.recorder.fact('package', {
      name: seen.name,
      version: seen.version,
      integration: entry.name,
      status,
      reason,
      format: seen.format,
      file: seen.file,
      missing,
    })
  }
}

/** Ends the spans of events for which a library publishes no end (a stream that the app left). */
const forgotten = new FinalizationRegistry<{ span: Span; runtime: Runtime }>(({ span, runtime }) => {
  if (span.ended) return
  endSpan(runtime, span, { ok: true, result: undefined }, { attributes: { 'perf.call.end': 'abandoned' } })
})

const CHANNEL_TARGET: AnyTarget = { type: 'target', path: '', versions: '*', settles: 'stream', start: () => undefined }
const NODE: LoadedModule = { name: 'node', version: process.versions.node }
const LOADED_BEFORE = 'loaded before the agent: what was taken from it by then is not recorded'

function copyOf({ name, version, format }: ModuleSeen): string {
  return `${name}@${version} ${format}`
}

function matchesFile(target: { file?: string | RegExp }, file: string | undefined): boolean {
  const wanted = target.file
  if (wanted === undefined) return file === undefined
  if (file === undefined) return false
  return typeof wanted === 'string' ? wanted === file : wanted.test(file)
}

function isOfModule(target: Integration['targets'][number], name: string): boolean {
  const only = (target as { module?: string }).module
  return only === undefined || only === name.replace(/^node:/, '')
}

/** The exports of `file` that are to be replaced: with a path that leads through a call, the function that is called. */
function pathsOf(integration: Integration, file: string | undefined): string[] {
  return integration.targets.flatMap((target) =>
    'path' in target && matchesFile(target, file) ? [target.path.split('(', 1)[0] ?? ''] : [],
  )
}

function rangesOf(integration: Integration, module: string): string {
  const ranges = integration.targets.filter((target) => isOfModule(target, module)).map((target) => target.versions)
  const others = (integration.through ?? []).filter((other) => other.module === module).map((other) => other.versions)
  return [...new Set([...ranges, ...others])].join(' || ')
}
