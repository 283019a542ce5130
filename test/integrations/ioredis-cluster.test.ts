import ioredis from '../../src/integrations/ioredis.ts'
import { withRedisCluster } from '../servers/redis-cluster.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const connection = { 'db.system.name': 'redis', 'db.namespace': '0' }

await withRedisCluster('ioredis', async (cluster) => {
  const node = { 'server.address': '127.0.0.1', 'server.port': (port: unknown) => cluster.ports.includes(Number(port)) }

  function command(name: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
    const attributes = { ...connection, ...node, 'db.operation.name': name, ...more }
    return { name, kind: 'client', attributes, payloads: ['db.query.parameters'], ...rest }
  }
  function batch(name: string, size: number, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
    const attributes = { ...connection, 'db.operation.name': name, 'db.operation.batch.size': size, ...more }
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
  const operations = ['GET', 'STRLEN', 'EXISTS', 'TTL', 'TYPE', 'PTTL', 'LLEN']
  const unsent = (name: string) => ({ ...command(name), attributes: { ...connection, 'db.operation.name': name } })

  await testIntegration(ioredis, {
    scenario: 'ioredis-cluster',
    library: 'ioredis',
    env: { REDIS_CLUSTER_PORTS: cluster.ports.join() },
    operation: (i) => [i % operations.length === 0 ? get() : command(operations[i % operations.length] ?? '')],
    expect: {
      promise: [set, get({ 'perf.cache.hit': true, 'perf.cache.bytes': isSize })],
      callback: [command('STRLEN')],
      failure: [command('LPUSH'), command('INCR', failed('WRONGTYPE'), error)],
      keysOfTwoSlots: [command('MGET', { 'perf.cache.operation': 'get', ...failed('CROSSSLOT') }, error)],
      moved: [get({ 'perf.db.nodes_asked': 2 })],
      pipeline: [batch('PIPELINE', 4)],
      pipelineFailure: [batch('PIPELINE', 2, { ...failed('WRONGTYPE'), 'perf.db.failed_commands': 1 }, error)],
      pipelineOfTwoNodes: [batch('PIPELINE GET', 9, { 'error.type': 'Error' }, error)],
      transaction: [batch('MULTI', 3)],
      autoPipelining: [unsent('EXISTS'), unsent('STRLEN'), unsent('TYPE')],
      notReady: [command('EXISTS', {}, { children: undefined }), batch('PIPELINE', 2, {}, { children: undefined })],
      closed: [
        { name: 'CONNECT', kind: 'client', attributes: { ...connection, ...node } },
        {
          ...unsent('GET'),
          ...keyed,
          ...error,
          attributes: { ...unsent('GET').attributes, 'perf.cache.operation': 'get', 'error.type': 'Error' },
        },
      ],
      unhandled: [batch('PIPELINE GET', 4, { 'error.type': 'Error' }, error)],
    },
  })
})
