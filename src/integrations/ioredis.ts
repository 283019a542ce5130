import { hiddenState } from '../core/hidden-state.ts'
import {
  binding,
  defineIntegration,
  target,
  type Attributes,
  type Call,
  type Outcome,
  type SpanEnd,
  type SpanStart,
} from '../core/integration.ts'
import { endpointAt, endpointOf, failed, withParameters, type Address, type Endpoint } from '../semantics/db.ts'
import { cacheEnd, cacheOperation, withCacheKey } from '../semantics/redis-cache.ts'
import { BLOCKING, HOLDS_SECRETS, replyCode } from '../semantics/redis.ts'

// ioredis 5 and 6, one server or a cluster. One span per command, one per pipeline or transaction, however often they are sent. The
// channels that ioredis publishes since 5.11 are not used: see docs/decisions/ioredis.md for the measurement.

interface Redis {
  options: { host?: string; port?: number; path?: string | null; db?: number; connectionName?: string | null }
  condition?: { select?: number } | null
  status: string
  commandQueue?: Queue
  offlineQueue?: Queue
}

/** Its commands have no address until a node has answered. */
type Cluster = Pick<Redis, 'options' | 'condition' | 'status'>

interface Queue {
  peekBack(): { command: Command } | undefined
}

interface Command {
  name: string
  args: unknown[]
  isResolved?: boolean
  /** Since 6.0. */
  isSettled?: boolean
  resolve(value: unknown): unknown
  reject(error: unknown): unknown
  [observed]?: true
}

interface Pipeline {
  redis: Redis | Cluster
  isCluster: boolean
  promise: Promise<[Error | null, unknown][]>
  resolve(replies: unknown): unknown
  reject(error: unknown): unknown
  [observed]?: true
  _queue: Command[]
  _transactions: number
}

type CommandCall = { self: Redis; args: [command: Command, stream?: unknown]; result: unknown }
type ClusterCall = { self: Cluster; args: [command: Command, stream?: unknown]; result: unknown }
type QueueCall = { self: Pipeline; args: [command: Command]; result: unknown }
type BatchCall = { self: Pipeline; args: []; result: unknown }

/** ioredis sends a command again after a reconnect, and a queued one when it is ready: it has its span already. */
const observed = Symbol.for('perf.agent.ioredis.observed')
const VERSIONS = '>=5 <7'

/** What became of something that a cluster sends to one node after the other (MOVED, ASK, a lost connection) until one answers. */
interface Journey {
  node?: Redis
  nodes: number
  outcome?: Outcome
  ended?: (outcome: Outcome) => void
}
const journeys = hiddenState<Journey>('ioredis.journey')

export default defineIntegration({
  name: 'ioredis',
  module: 'ioredis',
  kind: 'db',
  records: {
    spans: ['GET', 'EXISTS', 'STRLEN', 'TTL', 'PTTL', 'TYPE'],
    attributes: [
      'db.namespace',
      'db.operation.batch.size',
      'db.operation.name',
      'db.response.status_code',
      'db.system.name',
      'perf.cache.asked',
      'perf.cache.bytes',
      'perf.cache.hit',
      'perf.cache.hits',
      'perf.cache.operation',
      'perf.cache.ttl_ms',
      'perf.db.nodes_asked',
      'perf.db.blocking',
      'perf.db.failed_commands',
      'server.address',
      'server.port',
    ],
    against: 'Redis, and a Redis Cluster of three nodes',
  },
  inBundle: ['Redis is already connecting/connected'],
  targets: [
    target<CommandCall>({
      path: 'default.prototype.sendCommand',
      versions: VERSIONS,
      settles: 'observed',
      // It is written to a socket that is there; else it may connect, which belongs to the command.
      callersContext: ({ self }) => self.status === 'ready',
      start({ self, args: [command, stream] }) {
        if (command[observed] === true) return noteSend(self, command)
        return stream !== undefined || isHandshake(self, command) || isOfCluster(self) ? undefined : startCommand(self, command)
      },
      end: endAnswered,
      observe: ({ self, args: [command] }, _result, end) => {
        if (isPending(self, command)) watch(command, end)
        else if (command.isResolved === true) end({ ok: true, result: undefined })
        else end({ ok: true, result: undefined }, { status: 'error', errorType: 'Error' })
      },
    }),
    target<ClusterCall>({
      path: 'Cluster.prototype.sendCommand',
      versions: VERSIONS,
      settles: 'observed',
      start({ self, args: [command, stream] }) {
        if (stream !== undefined || command[observed] === true) return undefined
        // It asks a node by itself whether it is ready.
        if (self.status === 'connect' && command.name === 'cluster') command[observed] = true
        const start = startCommand(self, command)
        if (start !== undefined) follow(command)
        return start
      },
      end: (call, outcome) => withNode(journeys.get(call.args[0]), endAnswered(call, outcome)),
      observe: ({ args: [command] }, _result, end) => arrive(command, end),
    }),
    // What is asked of a cluster before it knows its nodes.
    binding({ path: 'Cluster.prototype.delayUntilReady', versions: VERSIONS, callback: 0 }),
    // With auto-pipelining the callers of one pipeline are many: each command gets its span where it was called.
    target<QueueCall>({
      path: 'Pipeline.prototype.sendCommand',
      versions: VERSIONS,
      settles: 'observed',
      start: ({ self, args: [command] }) => (isAutomatic(self) ? startCommand(self.redis, command) : undefined),
      end: (call, outcome) => (call.self.isCluster ? endInCluster(call, outcome) : endAnswered(call, outcome)),
      observe: ({ args: [command] }, _result, end) => watch(command, end),
    }),
    target<BatchCall>({
      path: 'Pipeline.prototype.exec',
      versions: VERSIONS,
      settles: 'observed',
      start: startBatch,
      end: (_call, outcome) => (outcome.ok ? endBatch(outcome.result as [Error | null, unknown][]) : endFailed(outcome.error)),
      observe: ({ self }, _result, end) => {
        if (self.isCluster) arrive(self, end)
        // Outside of a cluster it never rejects: every failure is in the list.
        else void self.promise.then((replies) => end({ ok: true, result: replies }))
      },
    }),
    target<{ self: Redis; args: []; result: unknown }>({
      path: 'default.prototype.connect',
      versions: VERSIONS,
      settles: 'callback',
      start: ({ self }) => (isOfCluster(self) ? undefined : { name: 'CONNECT', kind: 'client', attributes: endpoint(self).attributes }),
      end: (_call, outcome) => (outcome.ok ? undefined : endFailed(outcome.error)),
    }),
  ],
})

function startCommand(redis: Redis | Cluster, command: Command): SpanStart | undefined {
  if (command[observed] === true) return undefined
  const name = nameOf(command)
  const start = endpoint(redis).operation(name, BLOCKING.has(name) ? { 'perf.db.blocking': true } : cacheOperation(name))
  return HOLDS_SECRETS.has(name) ? start : withCacheKey(withParameters(start, command.args), name, command.args)
}

function endAnswered({ args: [command] }: Call<CommandCall> | Call<ClusterCall> | Call<QueueCall>, outcome: Outcome): SpanEnd | undefined {
  return outcome.ok ? cacheEnd(nameOf(command), command.args, outcome.result) : endFailed(outcome.error)
}

/** A pipeline that was sent to the wrong node is sent again; its first answer is all that is seen. */
function endInCluster(call: Call<QueueCall>, outcome: Outcome): SpanEnd | undefined {
  const code = outcome.ok ? undefined : codeOf(outcome.error)
  return code === 'MOVED' || code === 'ASK'
    ? { status: 'unset', attributes: { 'db.response.status_code': code } }
    : endAnswered(call, outcome)
}

function withNode(journey: Journey | undefined, end: SpanEnd = {}): SpanEnd {
  if (journey?.node === undefined) return end
  const { host, port } = journey.node.options
  const attributes: Attributes = { ...end.attributes, 'server.address': host, 'server.port': port }
  if (journey.nodes > 1) attributes['perf.db.nodes_asked'] = journey.nodes
  return { ...end, attributes }
}

function endFailed(error: unknown): SpanEnd {
  const code = codeOf(error)
  // How a defined command finds out that the server does not know its script yet; EVAL follows.
  return code === 'NOSCRIPT' ? { status: 'unset', attributes: { 'db.response.status_code': code } } : failure(error, code)
}

/** What a script replies with is the app's own text, with whatever it puts there. */
function failure(error: unknown, code: string | undefined): SpanEnd {
  const { command } = error as { command?: { name?: unknown } }
  const end = failed(error, code)
  return /^(?:eval|evalsha|fcall)(?:_ro)?$/i.test(String(command?.name))
    ? { ...end, exceptionMessage: `${code ?? 'error'} by a script` }
    : end
}

/** Sees the reply where ioredis hands it to the promise: the promise itself stays untouched, unhandled rejections included. */
function watch(command: Command | Pipeline, end: (outcome: Outcome) => void): void {
  const { resolve, reject } = command
  command[observed] = true
  command.resolve = (value) => {
    end({ ok: true, result: value })
    return resolve(value)
  }
  command.reject = (error) => {
    end({ ok: false, error })
    return reject(error)
  }
}

/** Before a cluster puts its own `reject` over it, which sends again where that helps: what comes through is the last word. */
function follow(command: Command | Pipeline): void {
  const journey: Journey = { nodes: 0 }
  journeys.set(command, journey)
  watch(command, (outcome) => {
    journey.outcome = outcome
    journey.ended?.(outcome)
  })
}

function arrive(command: Command | Pipeline, end: (outcome: Outcome) => void): void {
  const journey = journeys.get(command)
  if (journey?.outcome !== undefined) end(journey.outcome)
  else if (journey !== undefined) journey.ended = end
}

/** A command that has its span already is sent, of a cluster to this node. */
function noteSend(redis: Redis, command: Command): undefined {
  const journey = journeys.get(command)
  if (journey === undefined) return
  // A node that is connecting sends it to itself once more.
  if (journey.node !== redis) journey.nodes++
  journey.node = redis
}

/** A connection that a cluster makes for itself, to ask for its nodes or to listen. */
function isOfCluster({ options: { connectionName } }: Redis): boolean {
  return typeof connectionName === 'string' && connectionName.startsWith('ioredis-cluster(')
}

/** False when ioredis has answered by itself already: connection closed, no offline queue, `quit` before connecting. */
function isPending(redis: Redis, command: Command): boolean {
  if (command.isSettled !== undefined) return !command.isSettled
  return redis.commandQueue?.peekBack()?.command === command || redis.offlineQueue?.peekBack()?.command === command
}

/** What ioredis says to the server by itself before it is ready. */
function isHandshake(redis: Redis, command: Command): boolean {
  return redis.status === 'connect' && HANDSHAKE.has(command.name)
}

function isAutomatic(pipeline: Pipeline): boolean {
  return Object.getOwnPropertySymbols(pipeline).some((symbol) => symbol.description === 'callbacks')
}

function startBatch({ self }: Call<BatchCall>): SpanStart | undefined {
  const commands = self._queue
  // `multi().exec()` comes here first to add EXEC to its queue.
  if (self._transactions > 0 || commands.length === 0 || isAutomatic(self)) return undefined
  if (self.isCluster) {
    if (self[observed] === true) return undefined
    follow(self)
  }
  const isTransaction = commands[0]?.name === 'multi'
  const own = isTransaction ? commands.slice(1, -1) : commands
  const names = new Set(own.map(nameOf))
  const operation = `${isTransaction ? 'MULTI' : 'PIPELINE'}${names.size === 1 ? ` ${[...names][0]}` : ''}`
  const attributes: Attributes = { ...endpoint(self.redis).attributes, 'db.operation.name': operation }
  if (own.length !== 1) attributes['db.operation.batch.size'] = own.length
  return withParameters({ name: operation, kind: 'client', attributes }, own.filter((command) => !HOLDS_SECRETS.has(nameOf(command))).map(({ args }) => args)) // prettier-ignore
}

function endBatch(replies: [Error | null, unknown][]): SpanEnd | undefined {
  const errors = replies.flatMap(([error]) => (error === null || error === undefined ? [] : [error]))
  if (errors.length === 0) return undefined
  const code = codeOf(errors[0])
  return {
    status: 'error',
    errorType: code ?? 'Error',
    attributes: { 'db.response.status_code': code, 'perf.db.failed_commands': errors.length },
  }
}

const HANDSHAKE = new Set(['auth', 'hello', 'select', 'client', 'readonly', 'info'])
const names = new Map<string, string>()

/** The command's name in capitals; ioredis has `get` for `redis.get` and whatever was given for `redis.call`. */
function nameOf({ name }: Command): string {
  let upper = names.get(name)
  if (upper === undefined) {
    upper = name.toUpperCase()
    if (names.size < 1000) names.set(name, upper)
  }
  return upper
}

/** `SELECT` changes the database of a connection. */
function endpoint(redis: Redis | Cluster): Endpoint {
  const known = endpointOf(redis, addressOf)
  return known.attributes['db.namespace'] === String(selected(redis)) ? known : endpointAt(addressOf(redis))
}

function addressOf(redis: Redis | Cluster): Address {
  const { host, port, path } = redis.options
  return { system: 'redis', host: path ?? host, port: path ? undefined : port, namespace: String(selected(redis)) }
}

function selected(redis: Redis | Cluster): number {
  return redis.condition?.select ?? redis.options.db ?? 0
}

/** `WRONGTYPE` of `WRONGTYPE Operation against a key …`, or the code of a socket error. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, message, name } = error as { code?: unknown; message?: unknown; name?: unknown }
  if (typeof code === 'string') return code
  return name === 'ReplyError' ? replyCode(message) : undefined
}
