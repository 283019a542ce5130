import { describe, expect, it } from 'vitest'
import redisIntegration from '../../src/integrations/redis.ts'
import { testIntegration } from '../support/conformance.ts'
import { childrenOf, type ExpectedSpan, type ExpectedValue } from '../support/expect-spans.ts'
import { record } from '../support/record.ts'
import { describeWithService, redis } from '../support/services.ts'

const connection = { 'db.system.name': 'redis', 'db.namespace': '0', 'server.address': 'localhost', 'server.port': redis.port }

function command(name: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const attributes = { ...connection, 'db.operation.name': name, ...more }
  return { name, kind: 'client', attributes, payloads: ['db.query.parameters'], ...rest }
}

const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })
const batch = (size: number) => ({ 'db.operation.batch.size': size })
const noParameters = { payloads: [] }
const error = { status: 'error' } as const
const connect: ExpectedSpan = { name: 'CONNECT', kind: 'client', attributes: connection }
const quit = command('QUIT', {}, noParameters)
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
const isFour = (version: string) => version.startsWith('1.')
const at = (namespace: string) => ({ 'server.address': '127.0.0.1', 'db.namespace': namespace })

await testIntegration(redisIntegration, {
  scenario: 'redis',
  library: '@redis/client',
  service: redis,
  operation: (i) => [i % operations.length === 0 ? get(false) : command(operations[i % operations.length] ?? '')],
  expect: {
    promise: [set(60_000), get(true)],
    cache: cacheCommands,
    methodNames: (version) => [command('ZADD'), command('ZRANGE'), command('CLIENT', {}, isFour(version) ? noParameters : {})],
    raw: [command('EXISTS')],
    failure: [command('LPUSH'), command('INCR', failed('WRONGTYPE'), error)],
    unknownCommand: [command('NOSUCH', failed('ERR'), error)],
    pipeline: [command('PIPELINE', batch(3))],
    pipelineOfOneKind: [command('PIPELINE GET', batch(2))],
    pipelineFailure: [command('PIPELINE', { ...batch(2), ...failed('WRONGTYPE') }, error)],
    emptyPipeline: [],
    transaction: [command('MULTI INCR', batch(2))],
    transactionFailure: [command('MULTI', { ...batch(2), ...failed('WRONGTYPE'), 'perf.db.failed_commands': 1 }, error)],
    transactionAborted: (version) => [command('MULTI NOSUCH', failed(version === '1.6.1' ? 'EXECABORT' : 'ERR'), error)],
    watchedKeyChanged: [connect, command('WATCH'), command('INCR'), command('MULTI GET', { 'error.type': 'WatchError' }, error), quit],
    blocking: [command('BLPOP', { 'perf.db.blocking': true })],
    subscription: [connect, command('SUBSCRIBE'), command('PUBLISH'), command('UNSUBSCRIBE'), quit],
    offlineQueue: [connect, command('EXISTS'), quit],
    otherDatabase: [
      { ...connect, attributes: { ...connection, ...at('1') } },
      command('EXISTS', at('1')),
      command('SELECT', at('1')),
      command('EXISTS', at('2')),
      command('QUIT', at('2'), noParameters),
    ],
    closed: [command('GET', { 'perf.cache.operation': 'get', 'error.type': 'ClientClosedError' }, { ...keyed, ...error })],
    // 4 falls back by itself; 5 and 6 send EVAL as a command of its own.
    script: (version) =>
      isFour(version) ? [command('EVALSHA')] : [command('EVALSHA', { 'db.response.status_code': 'NOSCRIPT' }), command('EVAL')],
  },
})

await describeWithService(redis, 'redis', () => {
  describe.each(['1.6.1', '6.3.1'])('the package `redis` on @redis/client %s', (version) => {
    it.each(['esm', 'cjs'] as const)('is recorded, commands of its modules by their own names (%s)', async (format) => {
      const run = await record({
        format,
        packages: [`@redis/client@${version}`],
        env: { ...redis.env, PERF_INTEGRATIONS: 'redis' },
        app: `
          import { createClient } from 'redis'
          import { span } from '@perf/agent/api'
          void (async () => {
            const client = createClient({ socket: { port: Number(process.env.REDIS_PORT) } })
            await client.connect()
            await span('app', async () => {
              await client.exists('nothing')
              await client.json.get('nothing').catch((error) => console.log(error.message))
            })
            await client.quit()
          })()`,
      })
      const parent = run.spans.find((span) => span.name === 'app')
      expect(childrenOf(run.spans, parent).map((span) => span.name)).toEqual(['EXISTS', 'JSON.GET'])
      expect(run.stderr).toBe('')
    })
  })
})
