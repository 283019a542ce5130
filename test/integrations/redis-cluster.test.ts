import redis from '../../src/integrations/redis.ts'
import { withRedisCluster } from '../servers/redis-cluster.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const connection = { 'db.system.name': 'redis', 'db.namespace': '0' }

await withRedisCluster('redis', async (cluster) => {
  const node = { 'server.address': '127.0.0.1', 'server.port': (port: unknown) => cluster.ports.includes(Number(port)) }

  function command(name: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
    const attributes = { ...connection, ...node, 'db.operation.name': name, ...more }
    return { name, kind: 'client', attributes, payloads: ['db.query.parameters'], ...rest }
  }
  const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })
  const error = { status: 'error' } as const
  const keyed = { payloads: ['cache.key'] }
  const isSize = (value: unknown) => Number(value) > 0
  const get = (more: Record<string, ExpectedValue> = {}) =>
    command('GET', { 'perf.cache.operation': 'get', 'perf.cache.hit': false, ...more }, keyed)
  const set = command(
    'SET',
    { 'perf.cache.operation': 'set', 'perf.cache.bytes': isSize, 'perf.cache.ttl_ms': 60_000 },
    { payloads: ['db.query.parameters', 'cache.key'] },
  )
  const connectNode: ExpectedSpan = { name: 'CONNECT', kind: 'client', attributes: { ...connection, ...node } }
  const strLenElsewhere = command('STRLEN', failed('MOVED'), error)
  const operations = ['GET', 'STRLEN', 'EXISTS', 'TTL', 'TYPE', 'PTTL', 'LLEN']
  await testIntegration(redis, {
    scenario: 'redis-cluster',
    library: '@redis/client',
    env: { REDIS_CLUSTER_PORTS: cluster.ports.join() },
    operation: (i) => [i % operations.length === 0 ? get() : command(operations[i % operations.length] ?? '')],
    expect: {
      promise: [set, get({ 'perf.cache.hit': true, 'perf.cache.bytes': isSize })],
      failure: [command('LPUSH'), command('INCR', failed('WRONGTYPE'), error)],
      keysOfTwoSlots: [command('ZDIFF', failed('CROSSSLOT'), error)],
      moved: (version) => [
        command('GET', { 'perf.cache.operation': 'get', 'db.response.status_code': 'MOVED' }, keyed),
        connectNode,
        command('CLUSTER', {}, version.startsWith('1.') ? { payloads: [] } : {}),
        get(),
      ],
      alone: [connectNode, command('STRLEN'), connectNode, strLenElsewhere, connectNode, strLenElsewhere],
      raw: [command('STRLEN')],
      transaction: [command('MULTI', { 'db.operation.batch.size': 3 })],
      pipeline: [command('PIPELINE EXISTS', { 'db.operation.batch.size': 2 })],
    },
  })
})
