import ioredis from '../../src/integrations/ioredis.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { redis } from '../support/services.ts'

const connection = { 'db.system.name': 'redis', 'db.namespace': '0', 'server.address': 'localhost', 'server.port': redis.port }

function command(name: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const attributes = { ...connection, 'db.operation.name': name, ...more }
  return { name, kind: 'client', attributes, payloads: ['db.query.parameters'], ...rest }
}

const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })
const batch = (size: number) => ({ 'db.operation.batch.size': size })
const noParameters = { payloads: [] }
const connect: ExpectedSpan = { name: 'CONNECT', kind: 'client', attributes: connection, children: undefined }
const isSize = (value: unknown) => Number(value) > 0
const keyed = { payloads: ['cache.key'] }
const get = (hit: boolean) =>
  command('GET', { 'perf.cache.operation': 'get', 'perf.cache.hit': hit, ...(hit && { 'perf.cache.bytes': isSize }) }, keyed)
const set = (ttlMs?: number, operation = 'SET') =>
  command(
    operation,
    { 'perf.cache.operation': 'set', 'perf.cache.bytes': isSize, ...(ttlMs && { 'perf.cache.ttl_ms': ttlMs }) },
    { payloads: ['db.query.parameters', 'cache.key'] },
  )
const mget = command('MGET', { 'perf.cache.operation': 'get', 'perf.cache.hit': false, 'perf.cache.asked': 2, 'perf.cache.hits': 1 })
const del = command('DEL', { 'perf.cache.operation': 'delete' }, keyed)
const cacheCommands = [get(false), set(60_000, 'SETEX'), set(60_000, 'PSETEX'), set(1000), set(), get(true), mget, del]
const operations = ['GET', 'STRLEN', 'EXISTS', 'TTL', 'TYPE', 'PTTL', 'LLEN']

await testIntegration(ioredis, {
  scenario: 'ioredis',
  library: 'ioredis',
  service: redis,
  operation: (i) => [i % operations.length === 0 ? get(false) : command(operations[i % operations.length] ?? '')],
  expect: {
    promise: [set(60_000), get(true)],
    cache: cacheCommands,
    callback: [command('STRLEN')],
    buffers: [get(true)],
    call: [command('EXISTS')],
    failure: [command('LPUSH'), command('INCR', failed('WRONGTYPE'), { status: 'error' })],
    failureInCallback: [command('INCR', failed('WRONGTYPE'), { status: 'error' })],
    unknownCommand: [command('NOSUCH', failed('ERR'), { status: 'error' })],
    pipeline: [command('PIPELINE', batch(3))],
    pipelineOfOne: [command('PIPELINE GET', batch(2))],
    pipelineFailure: [command('PIPELINE', { ...batch(2), ...failed('WRONGTYPE'), 'perf.db.failed_commands': 1 }, { status: 'error' })],
    emptyPipeline: [],
    transaction: [command('MULTI INCR', batch(2))],
    transactionByHand: [command('MULTI', {}, noParameters), command('INCR'), command('EXEC', {}, noParameters)],
    transactionAborted: [command('MULTI NOSUCH', { ...failed('ERR'), 'perf.db.failed_commands': 2 }, { status: 'error' })],
    autoPipelining: [set(), command('STRLEN'), command('EXISTS')],
    blocking: [command('BLPOP', { 'perf.db.blocking': true })],
    subscription: [connect, command('SUBSCRIBE'), command('PUBLISH'), command('QUIT', {}, noParameters)],
    offlineQueue: [command('EXISTS', {}, { children: [connect] }), command('QUIT', {}, noParameters)],
    otherDatabase: [connect, command('SELECT'), { ...get(false), attributes: { ...get(false).attributes, 'db.namespace': '2' } }],
    closed: [
      connect,
      command('QUIT', {}, noParameters),
      command('GET', { 'perf.cache.operation': 'get', 'error.type': 'Error' }, { ...keyed, status: 'error' }),
    ],
    script: [command('EVALSHA'), command('SCRIPT'), command('EVALSHA', { 'db.response.status_code': 'NOSCRIPT' }), command('EVALSHA')],
  },
})
