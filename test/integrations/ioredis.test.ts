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
const operations = ['GET', 'STRLEN', 'EXISTS', 'TTL', 'TYPE', 'PTTL', 'LLEN']

await testIntegration(ioredis, {
  scenario: 'ioredis',
  library: 'ioredis',
  service: redis,
  operation: (i) => [command(operations[i % operations.length] ?? '')],
  expect: {
    promise: [command('SET'), command('GET')],
    callback: [command('STRLEN')],
    buffers: [command('GET')],
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
    autoPipelining: [command('SET'), command('STRLEN'), command('EXISTS')],
    blocking: [command('BLPOP', { 'perf.db.blocking': true })],
    subscription: [connect, command('SUBSCRIBE'), command('PUBLISH'), command('QUIT', {}, noParameters)],
    offlineQueue: [command('EXISTS', {}, { children: [connect] }), command('QUIT', {}, noParameters)],
    otherDatabase: [connect, command('SELECT'), command('GET', { 'db.namespace': '2' })],
    closed: [connect, command('QUIT', {}, noParameters), command('GET', { 'error.type': 'Error' }, { status: 'error' })],
    script: [command('EVALSHA'), command('SCRIPT'), command('EVALSHA', { 'db.response.status_code': 'NOSCRIPT' }), command('EVALSHA')],
  },
})
