import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { endpointOf, endpointAt, withBatchSize, withParameters, type Address } from '../semantics/db.ts'
import { batchOf, commandShape, commandValues, endFailed } from '../semantics/mongodb.ts'
import { maskQuotedValues } from '../semantics/quoted-values.ts'

// mongodb 4 to 7. One span per command that goes to the server: what a cursor fetches and what a bulk write is cut into are commands, too.
// A pool that makes its caller wait adds `pool.checkOut`. Change streams and other cursors that wait for what comes are left out
// (of 4 and 5 only their first command: their getMore does not tell).

interface Connection {
  /** `host:port` or the path of a socket. */
  address: string
}

interface Namespace {
  db: string
  collection?: string
}

type Command = Readonly<Record<string, unknown>>

/** A reply, decoded, or from 6.6 on an object that decodes what it is asked for. */
interface Reply {
  n?: unknown
  writeErrors?: readonly { code?: unknown }[]
  cursor?: { firstBatch?: unknown[]; nextBatch?: unknown[] }
  batchSize?: unknown
  toObject?(): Reply
}

interface Pool {
  address: string
  options: { maxPoolSize?: number }
  availableConnectionCount: number
  totalConnectionCount: number
  waitQueueSize: number
}

interface Client {
  topology?: unknown
  options: { hosts?: readonly { host?: string; port?: number; socketPath?: string }[] }
}

type CommandCall = { self: Connection; args: [ns: Namespace, command: Command, options?: Waiting | null]; result: Reply }
type PoolCall = { self: Pool; args: []; result: unknown }
type ConnectCall = { self: Client; args: []; result: unknown }

/** Options of a cursor that waits for what comes next. */
interface Waiting {
  awaitData?: boolean
}

const CALLBACKS = '>=4 <6.4'
const PROMISES = '>=6.4 <8'

const command = { file: 'lib/cmap/connection', path: 'Connection.prototype.command', start: startCommand, end: endCommand }
const checkOut = { file: 'lib/cmap/connection_pool', path: 'ConnectionPool.prototype.checkOut', start: startWait, end: endFailed }

export default defineIntegration({
  name: 'mongodb',
  module: 'mongodb',
  kind: 'db',
  records: {
    spans: ['find users', 'insert users', 'aggregate orders', 'getMore users', 'pool.checkOut', 'connect'],
    attributes: [
      'db.system.name',
      'db.namespace',
      'server.address',
      'server.port',
      'db.operation.name',
      'db.collection.name',
      'db.query.text',
      'db.operation.batch.size',
      'db.response.returned_rows',
      'db.response.status_code',
      'perf.db.affected_rows',
      'perf.pool.max',
      'perf.pool.connections',
      'perf.pool.waiting',
    ],
    against: 'a scripted server that speaks the wire protocol',
  },
  inBundle: ['Topology is closed'],
  errors: [{ path: 'MongoError', versions: '>=4 <8', message: maskMessage }],
  targets: [
    // The fourth argument is the callback here, and a class from 6.6 on.
    target<CommandCall>({ ...command, versions: CALLBACKS, settles: 'callback', callback: 3 }),
    target<CommandCall>({ ...command, versions: PROMISES, settles: 'promise' }),
    target<PoolCall>({ ...checkOut, versions: CALLBACKS, settles: 'callback', bindsCallback: true }),
    target<PoolCall>({ ...checkOut, versions: PROMISES, settles: 'promise' }),
    target<ConnectCall>({
      file: 'lib/mongo_client',
      path: 'MongoClient.prototype.connect',
      versions: '>=4 <8',
      settles: 'callback',
      start: startConnect,
      end: endFailed,
    }),
  ],
})

function startCommand({ self, args: [{ db }, command, options] }: Call<CommandCall>): SpanStart | undefined {
  const operation = Object.keys(command)[0] ?? ''
  if (BACKGROUND.has(operation) || options?.awaitData === true || isChangeStream(command)) return undefined
  const { host, port } = addressParts(self.address)
  const endpoint = endpointAt({ system: 'mongodb', host, port, namespace: db })
  if (HOLDS_SECRETS.test(operation)) return endpoint.command(operation, undefined)
  const value = command[operation === 'getMore' ? 'collection' : operation]
  const collection = typeof value === 'string' ? value : undefined
  const start = endpoint.command(operation, collection, collection === undefined ? undefined : commandShape(operation, collection, command))
  const batch = batchOf(command[BATCH[operation] ?? ''])
  return withParameters(withBatchSize(start, batch?.length ?? 1), commandValues(command))
}

function endCommand({ args: [, command] }: Call<CommandCall>, outcome: Outcome<Reply>): SpanEnd | undefined {
  if (!outcome.ok) return endFailed(undefined, outcome)
  const isWrite = (Object.keys(command)[0] ?? '') in BATCH
  const { n, writeErrors, cursor, batchSize } = decoded(outcome.result, isWrite)
  const code = writeErrors?.[0]?.code
  const rows = typeof batchSize === 'number' ? batchSize : (cursor?.firstBatch ?? cursor?.nextBatch)?.length
  const attributes = {
    'db.response.returned_rows': rows,
    'perf.db.affected_rows': isWrite && typeof n === 'number' ? n : undefined,
    'db.response.status_code': code === undefined ? undefined : String(code as number),
  }
  return code === undefined ? { attributes } : { attributes, status: 'error', errorType: String(code as number) }
}

/** The reply to a write is decoded for the driver's own use right after; null where nothing was to be acknowledged. */
function decoded(reply: Reply | null | undefined, isWrite: boolean): Reply {
  return (isWrite && typeof reply?.toObject === 'function' ? reply.toObject() : reply) ?? {}
}

/** A span only when the caller has to wait: all connections are in use, or a new one has to be made. */
function startWait({ self }: Call<PoolCall>): SpanStart | undefined {
  const { availableConnectionCount: idle, totalConnectionCount: all, waitQueueSize: waiting, options } = self
  if (idle > waiting) return undefined
  const { host, port } = addressParts(self.address)
  const where = { 'db.system.name': 'mongodb', 'server.address': host, 'server.port': port }
  return {
    name: 'pool.checkOut',
    attributes: { ...where, 'perf.pool.max': options.maxPoolSize, 'perf.pool.connections': all, 'perf.pool.waiting': waiting },
  }
}

function startConnect({ self }: Call<ConnectCall>): SpanStart | undefined {
  if (self.topology !== undefined && self.topology !== null) return undefined
  return { name: 'connect', kind: 'client', attributes: endpointOf(self, firstHost).attributes }
}

function firstHost({ options }: Client): Address {
  const { host, port, socketPath } = options.hosts?.[0] ?? {}
  return { system: 'mongodb', host: socketPath ?? host, port, namespace: undefined }
}

function addressParts(address: string): { host: string; port: number | undefined } {
  const colon = address.lastIndexOf(':')
  const port = colon < 0 ? NaN : Number(address.slice(colon + 1))
  return Number.isInteger(port) ? { host: address.slice(0, colon), port } : { host: address, port: undefined }
}

function isChangeStream({ pipeline }: Command): boolean {
  const first: unknown = Array.isArray(pipeline) ? pipeline[0] : undefined
  return typeof first === 'object' && first !== null && '$changeStream' in first
}

/** `E11000 duplicate key error … dup key: { email: "…" }` without the values. */
function maskMessage(text: string): string {
  return maskQuotedValues(text.replace(/\{[^]*\}/, '{…}'))
}

/** What the driver says to a server by itself. */
const BACKGROUND = new Set([
  'hello',
  'ismaster',
  'isMaster',
  'saslStart',
  'saslContinue',
  'authenticate',
  'getnonce',
  'endSessions',
  'killCursors',
])
const HOLDS_SECRETS = /user|role|^copydb/i
/** Where a command has the things it does at once. */
const BATCH: Readonly<Record<string, string>> = { insert: 'documents', update: 'updates', delete: 'deletes' }
