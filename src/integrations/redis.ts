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
import { endpointOf, failed, moveTo, withParameters, type Address, type Endpoint } from '../semantics/db.ts'
import { cacheEnd, cacheOperation, withCacheKey } from '../semantics/redis-cache.ts'
import { BLOCKING, HOLDS_SECRETS, replyCode } from '../semantics/redis.ts'

// node-redis 4 to 6 (`redis`, which is `@redis/client` 1, 5 and 6), its pools and clusters included.
// One span per command, one per pipeline or transaction. Why not by its channels: docs/decisions/node-redis.md.

interface Client {
  options?: { socket?: { host?: string; port?: number; path?: string }; database?: number; readonly?: boolean; url?: string }
  listenerCount(event: string): number
  /** Since 5.12, with the events that a cluster listens to. */
  _setIdentity?: unknown
  /** Behind the object with the app's command options (5, 6). */
  _self?: Client
  /** 4 only: what tells a client from a transaction and a cluster. */
  executeIsolated?: unknown
}

type RedisArguments = readonly unknown[]
interface Queued {
  args: RedisArguments
}
/** 4: what a method of the client stands for. */
interface CommandModule {
  transformArguments(...args: unknown[]): RedisArguments
}

type SendCall = { self: Client; args: [command: RedisArguments, options?: unknown]; result: unknown }
type MethodCall = { self: Client; args: [command: CommandModule, args: unknown[], name?: string]; result: unknown }
type NamedCall = { self: Client; args: unknown[]; result: unknown }
type BatchCall = { self: Client; args: [commands: readonly Queued[], ...more: unknown[]]; result: unknown }

const CLIENT = 'dist/lib/client/index'
const ALL = '>=1.0.6 <7'
const V4 = '>=1.0.6 <2'
const V5 = '>=5 <7'

/** A connection keeps the database that was selected while recording was off. */
const followsSelect = {
  follows: true,
  settled: ({ self, args }: Call<NamedCall>, { ok }: Outcome): void => {
    if (ok) select(self, args.filter(isValue).at(-1))
  },
}

/** 4: methods are made by a function that is given their one executor, before anyone could reach it. */
const method = {
  versions: V4,
  settles: 'promise' as const,
  start: ({ self, args: [command, args] }: Call<MethodCall>) =>
    typeof self.executeIsolated === 'function' ? startCommand(self, methodName(command, args), args) : undefined,
  end: ({ self, args: [command, args] }: Call<MethodCall>, outcome: Outcome) => endCommand(self, methodName(command, args), args, outcome),
}

export default defineIntegration({
  name: 'redis',
  module: '@redis/client',
  kind: 'db',
  records: {
    spans: ['GET', 'SET', 'PIPELINE GET', 'MULTI', 'SUBSCRIBE', 'CONNECT'],
    attributes: [
      'db.system.name',
      'db.namespace',
      'server.address',
      'server.port',
      'db.operation.name',
      'db.operation.batch.size',
      'db.response.status_code',
      'perf.db.blocking',
      'perf.db.failed_commands',
      'perf.cache.operation',
      'perf.cache.hit',
      'perf.cache.bytes',
      'perf.cache.ttl_ms',
      'perf.cache.asked',
      'perf.cache.hits',
    ],
    against: 'Redis, and a Redis Cluster of three nodes',
  },
  inBundle: ['Disconnects client', 'Socket already opened'],
  targets: [
    target<SendCall>({
      file: CLIENT,
      path: 'default.prototype.sendCommand',
      versions: V5,
      settles: 'promise',
      start: startSend,
      end: endSend,
    }),
    // An isolated command goes through here a second time, on a client of its own.
    target<SendCall>({
      file: CLIENT,
      path: 'default.prototype.sendCommand',
      versions: V4,
      settles: 'promise',
      outermost: true,
      start: startSend,
      end: endSend,
    }),
    target<MethodCall>({ ...method, file: 'dist/lib/commander', path: 'attachCommands', given: '0.executor' }),
    target<MethodCall>({ ...method, file: CLIENT, path: 'default.prototype.commandsExecutor' }),
    ...['scriptsExecuter', 'functionsExecuter'].map((name) =>
      target<MethodCall>({
        file: CLIENT,
        path: `default.prototype.${name}`,
        versions: V4,
        settles: 'promise',
        start: ({ self, args: [, args] }) => startCommand(self, name === 'scriptsExecuter' ? 'EVALSHA' : 'FCALL', args),
        end: ({ self }, outcome) => endCommand(self, 'EVALSHA', [], outcome),
      }),
    ),
    ...['SUBSCRIBE', 'UNSUBSCRIBE', 'PSUBSCRIBE', 'PUNSUBSCRIBE', 'SSUBSCRIBE', 'SUNSUBSCRIBE', 'QUIT'].map((name) => direct(name, ALL)),
    target<NamedCall>({ ...directTarget('SELECT', V4), ...followsSelect }),
    // Sends its command by `sendCommand`, which has the span.
    target<NamedCall>({ ...directTarget('SELECT', V5), ...followsSelect, start: () => undefined }),
    // Also what a sentinel does with a client that it gets back.
    target<NamedCall>({ ...directTarget('reset', V5), follows: true, start: () => undefined, settled: resetDatabase }),
    direct('MONITOR', V5),
    target<NamedCall>({
      file: CLIENT,
      path: 'default.prototype.connect',
      versions: ALL,
      settles: 'promise',
      start: ({ self }) => ({ name: 'CONNECT', kind: 'client', attributes: endpoint(self).attributes }),
      end: (_call, outcome) => (outcome.ok ? undefined : failed(outcome.error, codeOf(outcome.error))),
    }),
    batch('multiExecutor', V4),
    batch('_executeMulti', V5),
    batch('_executePipeline', V5),
    // What waits for a client of a pool runs when another caller gives one back.
    binding({ file: CLIENT, path: 'default.prototype.executeIsolated', versions: V4, callback: 0 }),
    binding({ file: 'dist/lib/client/pool', path: 'RedisClientPool.prototype.execute', versions: V5, callback: 0 }),
  ],
})

/** A command with a method of its own, beside the queue of the others. */
function direct(name: string, versions: string): ReturnType<typeof target> {
  return target<NamedCall>(directTarget(name, versions))
}

function directTarget(name: string, versions: string): Parameters<typeof target<NamedCall>>[0] {
  return {
    file: CLIENT,
    path: `default.prototype.${name}`,
    versions,
    settles: 'promise',
    start: ({ self, args }) => startCommand(self, name, args.filter(isValue)),
    end: ({ self, args }, outcome) => endCommand(self, name, args.filter(isValue), outcome),
  }
}

function batch(name: string, versions: string): ReturnType<typeof target> {
  return target<BatchCall>({
    file: CLIENT,
    path: `default.prototype.${name}`,
    versions,
    settles: 'promise',
    follows: true,
    start: ({ self, args }) => startBatch(self, args[0], name === '_executeMulti' || isTransaction(args)),
    end: ({ self, args }, outcome) => endBatch(self, args[1], isTransaction(args), outcome),
    settled: ({ self, args }, outcome) => outcome.ok && select(self, args[1]),
  })
}

function startSend({ self, args: [command] }: Call<SendCall>): SpanStart | undefined {
  return Array.isArray(command) ? startCommand(self, nameOf(command[0]), command.slice(1)) : undefined
}

function endSend({ self, args: [command] }: Call<SendCall>, outcome: Outcome): SpanEnd | undefined {
  return endCommand(self, nameOf(command[0]), command.slice(1), outcome)
}

function startCommand(client: Client, name: string, args: readonly unknown[]): SpanStart {
  const start = endpoint(client).operation(name, BLOCKING.has(name) ? { 'perf.db.blocking': true } : cacheOperation(name))
  return HOLDS_SECRETS.has(name) ? start : withCacheKey(withParameters(start, args), name, args)
}

function endCommand(client: Client, name: string, args: readonly unknown[], outcome: Outcome): SpanEnd | undefined {
  if (outcome.ok) {
    if (name === 'SELECT') select(client, args.at(-1))
    return cacheEnd(name, args, outcome.result)
  }
  const code = codeOf(outcome.error)
  // How a script's caller finds out that the server does not know it yet; EVAL follows. And how a cluster learns what has moved: it asks again.
  if (code === 'NOSCRIPT' || (isRedirect(code) && isOfCluster(client)))
    return { status: 'unset', attributes: { 'db.response.status_code': code } }
  const end = failed(outcome.error, code)
  // What a script replies with is the app's own text, with whatever it puts there.
  return /^(?:EVAL|EVALSHA|FCALL)(?:_RO)?$/.test(name) ? { ...end, exceptionMessage: `${code ?? 'error'} by a script` } : end
}

/** The connection is at another database now. A batch that selects none has nothing here, or its chain's symbol. */
function select(client: Client, database: unknown): void {
  if (database !== undefined && typeof database !== 'symbol') moveTo(ownerOf(client), String(database), addressOf)
}

function resetDatabase({ self }: Call<NamedCall>, { ok }: Outcome): void {
  if (ok) select(self, ownerOf(self).options?.database ?? 0)
}

function isRedirect(code: string | undefined): boolean {
  return code === 'MOVED' || code === 'ASK'
}

/**
 * A cluster says of each of its clients whether it only reads. So may the app of its own: since 5.12 a cluster also listens to its clients;
 * before, only one that was given an URL is surely the app's.
 */
function isOfCluster(client: Client): boolean {
  const owner = ownerOf(client)
  if (owner.options === undefined || !('readonly' in owner.options)) return false
  return owner._setIdentity === undefined ? owner.options.url === undefined : owner.listenerCount('__MOVED') > 0
}

/** 4 marks it by the symbol of its chain. */
function isTransaction([, ...more]: readonly unknown[]): boolean {
  return more.some((value) => typeof value === 'symbol')
}

function startBatch(client: Client, queued: readonly Queued[], transaction: boolean): SpanStart | undefined {
  if (queued.length === 0 && !transaction) return undefined
  // 4.0 has MULTI and EXEC in it.
  const commands = nameOf(queued[0]?.args[0]) === 'MULTI' ? queued.slice(1, -1) : queued
  const names = new Set(commands.map(({ args }) => nameOf(args[0])))
  const operation = `${transaction ? 'MULTI' : 'PIPELINE'}${names.size === 1 ? ` ${[...names][0]}` : ''}`
  const attributes: Attributes = { ...endpoint(client).attributes, 'db.operation.name': operation }
  if (commands.length !== 1) attributes['db.operation.batch.size'] = commands.length
  const values = commands.filter(({ args }) => !HOLDS_SECRETS.has(nameOf(args[0]))).map(({ args }) => args.slice(1))
  return withParameters({ name: operation, kind: 'client', attributes }, values)
}

function endBatch(client: Client, selected: unknown, nested: boolean, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, codeOf(outcome.error))
  select(client, selected)
  // 4 gives the replies of EXEC after those of the queueing; null when a watched key has changed.
  const replies = nested ? (outcome.result as unknown[]).at(-1) : outcome.result
  if (replies === null) return { status: 'error', errorType: 'WatchError' }
  const errors = Array.isArray(replies) ? replies.filter((reply) => reply instanceof Error) : []
  if (errors.length === 0) return undefined
  const code = codeOf(errors[0])
  return {
    status: 'error',
    errorType: code ?? 'Error',
    attributes: { 'db.response.status_code': code, 'perf.db.failed_commands': errors.length },
  }
}

/** Listeners and switches are no part of a command. */
function isValue(value: unknown): boolean {
  return typeof value !== 'function' && typeof value !== 'boolean'
}

const MAX_NAMES = 1000
const names = new Map<unknown, string>()

function nameOf(given: unknown): string {
  let name = names.get(given)
  if (name === undefined) {
    name = String(given).toUpperCase()
    if (typeof given === 'string' && names.size < MAX_NAMES) names.set(given, name)
  }
  return name
}

const methodNames = new WeakMap<CommandModule, string>()

/** `hGetAll` and `ft.search` do not tell the command's name; what it puts first on the wire does. Asked once per method. */
function methodName(command: CommandModule, args: readonly unknown[]): string {
  let name = methodNames.get(command)
  if (name === undefined) {
    const [first] = command.transformArguments(...(isCommandOptions(args[0]) ? args.slice(1) : args))
    methodNames.set(command, (name = nameOf(first)))
  }
  return name
}

function isCommandOptions(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.getOwnPropertySymbols(value).some((symbol) => symbol.description === 'Command Options')
}

function endpoint(client: Client): Endpoint {
  return endpointOf(ownerOf(client), addressOf)
}

function ownerOf(client: Client): Client {
  return client._self ?? client
}

function addressOf({ options }: Client): Address {
  const { host, port, path } = options?.socket ?? {}
  const at = path === undefined ? { host: host ?? 'localhost', port: port ?? 6379 } : { host: path, port: undefined }
  return { system: 'redis', ...at, namespace: String(options?.database ?? 0) }
}

/** The first word of an error reply, or the code of a socket error. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code === 'string') return code
  const { constructor } = error as { constructor?: { name?: unknown } }
  return /^(?:ErrorReply|SimpleError|BlobError)$/.test(String(constructor?.name)) ? replyCode(message) : undefined
}
