import { describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import knex from '../../src/integrations/knex.ts'
import { testIntegration } from '../support/conformance.ts'
import { childrenOf, type ExpectedSpan, type ExpectedValue } from '../support/expect-spans.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'
import { describeWithService, postgres } from '../support/services.ts'

const where = {
  'db.system.name': 'postgresql',
  'db.namespace': 'test',
  'server.address': postgres.host,
  'server.port': postgres.port,
}

function call(table: string, method: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const collection: Record<string, string> = table === 'knex' ? {} : { 'db.collection.name': table }
  const attributes = { ...where, ...collection, 'perf.orm.model': table, 'perf.orm.method': method, ...more }
  return { name: `${table}.${method}`, kind: 'internal', attributes, ...rest }
}

const rows = (count: number) => ({ 'db.response.returned_rows': count })
const affected = (count: number) => ({ 'perf.db.affected_rows': count })
const missing = { 'db.response.status_code': '42P01', 'error.type': '42P01' }

await testIntegration(knex, {
  scenario: 'knex',
  library: 'knex',
  service: postgres,
  operation: () => [call('knex', 'select', rows(1))],
  expect: {
    select: [
      call('things', 'select', rows(1)),
      call('things', 'first', rows(1)),
      call('things', 'first', rows(0)),
      call('things', 'pluck', rows(2)),
    ],
    never: [],
    write: [call('things', 'insert'), call('things', 'update', affected(1)), call('things', 'del', affected(1))],
    raw: [call('knex', 'raw')],
    schema: [call('perf_test_knex', 'createTable'), call('perf_test_knex', 'dropTable')],
    // BEGIN and COMMIT go to the driver.
    transaction: [call('knex', 'select', rows(1))],
    subquery: [call('knex', 'select', rows(1))],
    stream: [
      call('things', 'select', {
        'perf.stream.end': 'complete',
        'perf.stream.chunks': 2,
        'perf.stream.time_to_first_chunk_ms': isTime,
        'perf.stream.max_gap_ms': isTime,
        'perf.stream.mean_gap_ms': isTime,
      }),
    ],
    failure: [call('no_such_table', 'select', missing, { status: 'error' })],
    caught: [call('no_such_table', 'select', missing, { status: 'error' })],
  },
})

await describeWithService(postgres, 'knex above pg', () => {
  describe.each(versionsFor('knex', nodeMajor()))('%s', (version) => {
    it("has the driver's span below its own", async () => {
      const app = `
        import knex from 'knex'
        import { span } from '@perf/agent/api'
        const db = knex({ client: 'pg', connection: { host: process.env.PGHOST, port: Number(process.env.PGPORT), database: 'test', user: process.env.PGUSER } })
        await span('job', async () => {
          await db('pg_class').where('relname', 'none').select('oid')
        })
        await db.destroy()
      `
      const { spans } = await record({ app, packages: [`knex@${version}`], env: { ...postgres.env, PERF_INTEGRATIONS: 'knex,pg' } })
      const below = (name: string) =>
        childrenOf(
          spans,
          spans.find((span) => span.name === name),
        )
      expect(below('job').map(({ name }) => name)).toEqual(['pg_class.select'])
      // A new connection asks for the server's version first.
      expect(below('pg_class.select').at(-1)?.name).toBe('select "pg_class"')
    })
  })
})

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}
