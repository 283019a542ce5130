// What an integration is: data and pure functions. It says where to hook, how to name and what to note; the engine owns
// matching, wrapping, context, ending once, errors, limits, undo and counting. A definition never wraps, catches, keeps state or reads config.

export type AttributeValue = string | number | boolean | readonly (string | number | boolean)[] | undefined
export type Attributes = Record<string, AttributeValue>

/** Layer of a span: what kind of work it stands for. */
export type Layer =
  'workflow' | 'step' | 'node' | 'tool' | 'function' | 'http' | 'db' | 'ai' | 'mcp' | 'cache' | 'messaging' | (string & {})

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer'

/**
 * How the end of a call is known.
 * - `return`: when the function returns or throws
 * - `promise`: when the returned promise settles (a plain return ends it at once)
 * - `beside`: as `promise`, where who called it surely handles the rejection (a framework): the promise itself is handed on, in the same order
 * - `callback`: when the last function argument (or `callback` index) is called; without one, as `promise`
 * - `stream`: the result is (or resolves to) an async iterable; ends with it, in one of six ways
 * - `lazy`: an SDK promise that must not be touched (openai, anthropic): observed where the SDK itself parses
 * - `observed`: the definition's `observe` says when
 */
export type Settles = 'return' | 'promise' | 'beside' | 'callback' | 'stream' | 'lazy' | 'observed'

/** Types of one target's call, given as `target<{ self: Client; args: [string]; result: Row[] }>({ … })`. */
export interface CallShape {
  self?: unknown
  args?: unknown[]
  result?: unknown
}

type SelfOf<S extends CallShape> = S extends { self: infer T } ? T : unknown
type ArgsOf<S extends CallShape> = S extends { args: infer T extends unknown[] } ? T : unknown[]
type ResultOf<S extends CallShape> = S extends { result: infer T } ? T : unknown

/** One call of a target. */
export interface Call<S extends CallShape = CallShape> {
  readonly self: SelfOf<S>
  readonly args: ArgsOf<S>
  readonly module: LoadedModule
  /** What the last `*` of the target's `given` stood for. */
  readonly key?: string
  /** With `given: 'result'`: the arguments of the call that made the function. */
  readonly madeOf?: readonly unknown[] | undefined
}

/** The package copy a target belongs to. */
export interface LoadedModule {
  readonly name: string
  readonly version: string
  readonly format?: 'cjs' | 'esm'
}

/** Content whose size and keyed hash are always recorded, and whose text only when capture is on. Never put content into attributes. */
export interface Payload {
  /** `tool.arguments`, `tool.result`, `gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions`, `gen_ai.tool.definitions`, `db.query.parameters`, `http.request.body`, … */
  role: string
  /** Anything; the bytes of a Buffer or Uint8Array are taken as UTF-8 text. */
  value: unknown
}

/** A parent in another process, from a W3C `traceparent`. */
export interface RemoteParent {
  traceparent: string | undefined
  tracestate?: string | undefined
}

export interface SpanStart {
  name: string
  /** Default: the integration's `kind`. */
  layer?: Layer | undefined
  /** Default `internal`. */
  kind?: SpanKind | undefined
  attributes?: Attributes | undefined
  payloads?: Payload[] | undefined
  /** Where the caller is another process: its context, or none, and then the span is a root. */
  parent?: RemoteParent | undefined
  /** Spans of other traces or processes this one belongs with: the senders of a batch of messages. */
  links?: readonly RemoteParent[] | undefined
  /** An object that carries the context of another span (its `carriedBy`): this one is linked to that. */
  linkedTo?: object | undefined
  /** An object whose methods that are bindings of `carries: 'self'` run in this span's context (`emit` of a request). */
  carriedBy?: object | undefined
  /** Overrides the target's `settles` for this call. */
  settles?: Settles | undefined
  /**
   * What a request is besides, when it goes to an AI provider: an AI call of its own, of layer `ai`, with this name and these attributes
   * too; unless it is made below the AI call of an SDK.
   */
  aiCall?: { name: string; attributes: Attributes } | undefined
}

export interface SpanEnd {
  /** Replaces the name given at start (an HTTP route known only at the end). */
  name?: string | undefined
  attributes?: Attributes | undefined
  payloads?: Payload[] | undefined
  /** As in `SpanStart`, where they are known only at the end (a message that was asked for). */
  links?: readonly RemoteParent[] | undefined
  /** `error` sets the status; `unset` keeps a failed outcome from being an error (a cancel by the caller). */
  status?: 'error' | 'unset' | undefined
  /** Stands for the message of the outcome's error where that may quote values. */
  exceptionMessage?: string | undefined
  /** What went wrong, where the outcome says that all went well (a result that holds an error). */
  error?: unknown
  /** `error.type` when the outcome is not an exception (status code, API error code). */
  errorType?: string | undefined
}

/** Notes attributes on the AI call that a request is, or is made for, before that ends; undefined for a request of no AI call. */
export type TellsAiCall = ((attributes: Attributes | undefined) => void) | undefined

export type Outcome<R = unknown> = { ok: true; result: R } | { ok: false; error: unknown }

/** What a stream target keeps per call: a plain state object that `chunk` updates; `finish` turns it into attributes. */
export interface StreamReading<State = unknown> {
  state(): State
  /** Called with every chunk, in order, before the app gets it. Must not keep the chunk. */
  chunk(state: State, chunk: unknown): void
  /** `end`: `complete`, `early` (break / return), `abort`, `error`, `abandoned` (never read to an end). */
  finish(state: State, end: StreamEnd): SpanEnd | undefined
  /**
   * Property of the result that holds the stream; default the result is the stream. Or a promise that settles with its end, if the library
   * itself handles its rejection.
   */
  from?: string
  /** The `AbortSignal` of the call, where the stream itself does not end with it. */
  signal?(call: Call): unknown
}
export type StreamEnd = 'complete' | 'early' | 'abort' | 'error' | 'abandoned'

export interface Target<S extends CallShape = CallShape> {
  readonly type: 'target'
  /**
   * From the module's exports: `Client.prototype.query`, `default.prototype.sendCommand`, `request`. A class that is not exported is reached
   * through a call that returns or promises it (`connect().request`; `originOf` tells of that call), hands it to its callback
   * (`prepare(=>).execute`; `transaction(=>0).query`: as its first value) or is given it (`createServer().emit(stream, *).respond`: argument 1 where 0 is `stream`), or a getter
   * that makes it (`Client.prototype.get chat().complete`).
   */
  path: string
  /** A file inside the package without extension (`lib/client`); default: the package's entry points. */
  file?: string | RegExp
  versions: string
  /** Other paths to the very same function, where a library has several names for it; of a path that leads through a call: to the one that is called. */
  also?: readonly string[]
  /** Only in this one of the integration's modules. */
  module?: string
  /**
   * The function is not the one at `path` but given to it: its place in the arguments (`1`, `0.executor`, `0.tools.*.execute`) or on `this`
   * (`this.eachMessage`, `this.settings.model.generate`), or `result`: it makes the function.
   */
  given?: string
  /** With `given: 'result'`: what is made (for every request) is called and never looked at. To make it look like the original costs 2 to 15 µs. */
  onlyCalled?: boolean
  /** Set by the engine. */
  key?: string
  /** The function gives an async iterator, and each value of it is a call: `args[0]`, over when the next is asked for. What `settles` says is not looked at. */
  items?: boolean
  settles: Settles
  /** Index of the callback argument; default the last argument that is a function. */
  callback?: number
  /** `undefined`: this call gets no span. */
  start(call: Call<S>): SpanStart | undefined
  end?(call: Call<S>, outcome: Outcome<ResultOf<S>>): SpanEnd | undefined
  /**
   * Puts `traceparent` into what goes out; called right after start, only where that is allowed. May replace `call.args`; never changes
   * the app's own objects, and never the content of a message.
   */
  inject?(call: Call<S>, traceparent: string, tracestate: string | undefined): void
  /** Host the call goes to, for the allow list of `inject`. */
  destination?(call: Call<S>): string | undefined
  /** `message`: what `inject` writes to is a message to a broker, queue or peer, not a request to a host: allowed unless `PERF_PROPAGATE_MESSAGES` is off. `process`: to a child process of this one: always allowed. */
  carrier?: 'message' | 'process'
  /**
   * The function runs in its caller's context, not in that of the span: the sockets and streams it makes call back for the caller. As a function
   * it is asked at every call: a statement on a connection that is there makes nothing that could record, and a switch of context costs 0.3 µs.
   */
  callersContext?: boolean | ((call: Call<S>) => boolean)
  /** A function like `emit`: calls whose first argument is none of these pass through. */
  events?: readonly string[]
  /**
   * With `settles: 'observed'`: arrange for `end` to be called once, when the call is over. With `promise`: does so for the calls that
   * give none.
   */
  observe?(call: Call<S>, result: ResultOf<S>, end: (outcome: Outcome, more?: SpanEnd) => void, ofAiCall?: TellsAiCall): void
  /** With `settles: 'stream'` or a `lazy` call that resolves to a stream. */
  stream?: StreamReading<never>
  /** Where `start` gives no span the callback still runs in its caller's context (a pool that hands out an idle connection). */
  bindsCallback?: boolean
  /** Where `start` gave no span: told what the function returned, to keep on it (`hiddenState`) what a later call needs. */
  returned?(call: Call<S>, result: ResultOf<S>): void
  /** Likewise with `settles: 'promise'`: told how the promise settled, or what the function threw. With `follows` also while recording is switched off. */
  settled?(call: Call<S>, outcome: Outcome<ResultOf<S>>): void
  /**
   * Node itself calls it, so that what it throws is caught by nobody: the error passes through untouched, and Node prints the app's line as
   * the place of the throw.
   */
  dispatched?: boolean
  /** The route's template, where a call says it and nobody has the request: goes to the request that the running code belongs to. */
  route?(call: Call<S>): string | undefined
  /** Functions to record besides, found in this call before it runs. */
  finds?: Finds<Call<S>>
  /** Attribute that takes the span's own duration in milliseconds (`perf.pool.wait_ms`). */
  measures?: string
  /** No span but inside one that is going on: what belongs to nobody (a connection that a pool makes ahead, or anew) begins and prolongs no trace. */
  insideOnly?: boolean
  /** No span of this target inside a span of the same integration (an API that calls itself). */
  outermost?: boolean
  /** No span of this target right below the same model call, recorded where it is given: no span while an AI call is open. */
  outsideAiCall?: boolean
  /** Tells what became of a span that is open already: `start` is called also when recording was switched off meanwhile. What it gives is left then. */
  follows?: boolean
}

/** Functions of the app that are nowhere given one by one (the resolvers of a schema): where they are in what a call or message names. */
export interface Finds<Seen> {
  /** What holds them; searched once. `undefined`: nothing to search. */
  root(seen: Seen): object | undefined
  /** Objects and the keys they have the functions at; those are replaced there. */
  places(root: object): Iterable<readonly [owner: object, key: string]>
  /** How each is recorded; its `path` and `versions` say nothing. */
  target: Target<never>
}

/** Events of a `TracingChannel` the library itself publishes: `tracing:<name>:start|end|asyncStart|asyncEnd|error`. */
export interface Channel<Message = unknown> {
  readonly type: 'channel'
  name: string
  versions: string
  start(message: Message): SpanStart | undefined
  end?(message: Message, outcome: Outcome): SpanEnd | undefined
  /** What the library does within the event becomes part of the span; only where it publishes `start` with `runStores`, as `tracePromise` does. */
  nests?: boolean
  /** Functions to record besides, found in the message of `start`. */
  finds?: Finds<Message>
  /** The result is a stream, and the span ends with it. */
  stream?: StreamReading<never>
}

/** Plain channels (not a TracingChannel) on which a library tells about one operation. */
export interface Messages<Message = unknown> {
  readonly type: 'messages'
  versions: string
  /** The object that all messages about one operation share. */
  subject(message: Message): object
  /** Channel whose message begins an operation. */
  begin: string
  /** `undefined`: this operation gets no span. */
  start(message: Message): SpanStart | undefined
  /** Host the operation goes to, for the allow list of `inject`. */
  destination?(message: Message): string | undefined
  /** Puts `traceparent` into the outgoing request. */
  inject?(message: Message, traceparent: string, tracestate: string | undefined): void
  /** Channels that say something for the end of the span; a later message replaces an earlier one. */
  updates: Readonly<Record<string, (message: Message) => SpanEnd>>
  /** What a channel of `updates` says of the AI call that the operation is, or is made for; asked only where there is one. */
  ofAiCall?: Readonly<Record<string, (message: Message) => Attributes | undefined>>
  /** Channels that end the span. */
  ends: Readonly<Record<string, (message: Message) => { outcome: Outcome; end?: SpanEnd }>>
}

/** Binds a callback-taking function to the caller's context without a span (pool queues, `getConnection`). */
export interface Binding {
  readonly type: 'binding'
  path: string
  file?: string | RegExp
  versions: string
  /** Only in this one of the integration's modules. */
  module?: string
  callback?: number
  /**
   * Instead of a callback: the object at this argument (or the result) carries the context. The first call gives it the caller's;
   * later calls with the same object run in that one (a queue of calls, a retry). `self`: the object itself, where a span named it in
   * `carriedBy` and the running code belongs to another trace or none.
   */
  carries?: number | 'result' | 'self'
  /** With `carries`: every call gives the object its caller's context anew (an object that the app uses again). */
  renews?: boolean
  /** Instead of a callback: the object at this argument is an `AsyncResource`, and the function runs in the context that was made in. */
  resource?: number
}

/** One line that a logger has written. */
export interface LogLine {
  /** As the app's logger names it: `info`. */
  level: string
  message?: string | undefined
  /**
   * Its fields, or the whole line as JSON text where the logger makes one: what the app's own redaction left of it. Level, message and time
   * in it are not stored again.
   */
  fields?: object | string | undefined
}

/** Ids of the span a line is written in, under OpenTelemetry's names for logs that are not its own. */
export interface LogIds {
  trace_id: string
  span_id: string
  trace_flags: string
}

/** A function of a logger. It gives no span: the line is stored with the span in which it was written. */
export interface Log<S extends CallShape = CallShape> {
  readonly type: 'log'
  path: string
  file?: string | RegExp
  versions: string
  module?: string
  /** `path` goes from this global object, which nobody has to load. */
  global?: 'console'
  /** The line that the call has written; `undefined`: none (a filter of the app's). A line written within the call is part of it. */
  line?(call: Call<S>, result: ResultOf<S>): LogLine | undefined
  /** Puts the ids into what is about to be written; only where the user asked for it (`PERF_LOG_TRACE_IDS`). */
  stamp?(call: Call<S>, ids: LogIds): void
}

/** A plain channel on which a logger publishes every line. */
export interface LogChannel<Message = unknown> {
  readonly type: 'logChannel'
  name: string
  versions: string
  line(message: Message): LogLine | undefined
}

/**
 * An operation of a cache that may be called millions of times a second: every call is counted (per cache, as metrics), and some of them, at
 * first those that miss, have a span. See docs/decisions/caches.md.
 */
export interface CacheTarget<S extends CallShape = CallShape> {
  readonly type: 'cache'
  path: string
  file?: string | RegExp
  versions: string
  module?: string
  /** `load` is a `get` that computes what is not there. */
  operation: 'get' | 'load' | 'set' | 'delete'
  /** `return`: a span without duration when it is over. `promise`: a span around it, with what it does inside. */
  settles: 'return' | 'promise'
  /** Tells one cache from another, with few values; default the place in the app that used the object first. */
  named?(self: SelfOf<S>): string | undefined
  /** Called first; may replace `call.args` (to ask the library for what it did). */
  prepare?(call: Call<S>): void
  /** Of a `get` or `load`: how many of the keys were there; `undefined`: it does not count. Default: 1 where there is a result. */
  hits?(call: Call<S>, result: ResultOf<S>): number | undefined
  /** How many keys a `get` asks for; default 1. */
  asked?(call: Call<S>): number
  /** Of a `set`: false for one that the library makes for its own purposes. */
  counts?(call: Call<S>): boolean
  /** Of a `set`: milliseconds the entry lives. */
  ttlMs?(call: Call<S>): number | undefined
  /** How many entries there are, and whether one is there, without touching it: by both, evictions are counted. */
  entries?(self: SelfOf<S>): number
  has?(self: SelfOf<S>, key: unknown): boolean
  maxEntries?(self: SelfOf<S>): number | undefined
}

export interface Records {
  /** Names of its spans: some of them, or how they are made. */
  spans: readonly string[]
  /** Every attribute its spans can have, but those of errors (`error.type`). */
  attributes: readonly string[]
  /** What the tests ran it against. */
  against: string
}

export interface Integration {
  name: string
  /** Off unless `PERF_OPT_IN` or `PERF_INTEGRATIONS` names it; nothing of its module is watched then. */
  optIn?: boolean
  /** Package name, or `node:http`. */
  module: string | readonly string[]
  kind: Layer
  /**
   * Files of ES modules to hook besides what the app imports by the package's bare name: those that `file` targets are in, with the
   * package (`@scope/name/dist/esm/protocol.js`).
   */
  esmFiles?: readonly string[]
  /** Likewise for `require`, which finds files by itself except in a package whose main file cannot be required. */
  cjsFiles?: readonly string[]
  /** What docs/integrations.md says of it; the conformance suite holds it against what is recorded. */
  records: Records
  /** Texts of the package's code, all in every supported version, that a minifier leaves: how a copy inside a bundle is recognised. */
  inBundle?: readonly string[]
  /** Versions of a module that need no hook of their own: another module, which they load, is hooked. */
  through?: readonly { module: string; versions: string; by: string }[]
  /** Exported classes of errors whose messages hold values: what is recorded instead, by whichever span. */
  errors?: readonly { path: string; file?: string | RegExp; versions: string; message(text: string): string }[]
  targets: readonly (Target<never> | Channel<never> | Messages<never> | Binding | Log<never> | LogChannel<never> | CacheTarget<never>)[]
}

/** Declares an integration; see `docs/writing-an-integration.md`. */
export function defineIntegration(integration: Integration): Integration {
  return integration
}

/** Declares a hooked function. */
export function target<S extends CallShape>(definition: Omit<Target<S>, 'type'>): Target<never> {
  return { type: 'target', ...definition } as unknown as Target<never>
}

/**
 * Declares a subscription to a library's own tracing channel.
 * @public
 */
export function channel<Message>(definition: Omit<Channel<Message>, 'type'>): Channel<never> {
  return { type: 'channel', ...definition } as unknown as Channel<never>
}

/** Declares a function whose callback must run in its caller's context. */
export function binding(definition: Omit<Binding, 'type'>): Binding {
  return { type: 'binding', ...definition }
}

/** Declares a function of a logger. */
export function log<S extends CallShape>(definition: Omit<Log<S>, 'type'>): Log<never> {
  return { type: 'log', ...definition } as unknown as Log<never>
}

/** Declares a subscription to a channel on which a logger publishes its lines. */
export function logChannel<Message>(definition: Omit<LogChannel<Message>, 'type'>): LogChannel<never> {
  return { type: 'logChannel', ...definition } as unknown as LogChannel<never>
}

/** Declares an operation of a cache. */
export function cacheTarget<S extends CallShape>(definition: Omit<CacheTarget<S>, 'type'>): CacheTarget<never> {
  return { type: 'cache', ...definition } as unknown as CacheTarget<never>
}
