import { describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import drizzle from '../../src/integrations/drizzle-orm.ts'
import { testIntegration } from '../support/conformance.ts'
import { childrenOf, type ExpectedSpan, type ExpectedValue } from '../support/expect-spans.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'
import { postgres } from '../support/services.ts'

function call(table: string, method: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const collection: Record<string, string> = table === 'drizzle' ? {} : { 'db.collection.name': table }
  const named = { 'db.system.name': 'postgresql', ...collection, 'perf.orm.model': table, 'perf.orm.method': method }
  return { name: `${table}.${method}`, kind: 'internal', attributes: { ...named, ...more }, ...rest }
}

const rows = (count: number) => ({ 'db.response.returned_rows': count })
const missing = { 'db.response.status_code': '42P01', 'error.type': '42P01' }

await testIntegration(drizzle, {
  scenario: 'drizzle-orm',
  library: 'drizzle-orm',
  modules: ['drizzle-orm', 'drizzle-orm/node-postgres'],
  service: postgres,
  operation: () => [call('drizzle', 'select', rows(1))],
  expect: {
    select: [call('things', 'select', rows(1))],
    never: [],
    write: [call('things', 'insert'), call('things', 'update'), call('things', 'delete')],
    raw: [call('things', 'select')],
    relational: [call('things', 'select', rows(1))],
    prepared: [call('things', 'select', rows(1)), call('things', 'select', rows(1))],
    transaction: [call('drizzle', 'begin'), call('drizzle', 'select'), call('drizzle', 'commit')],
    failure: [call('no_such_table', 'select', missing, { status: 'error' })],
    thrown: [call('no_such_table', 'select', missing, { status: 'error' })],
  },
})

// Installed beside the newest better-sqlite3 of each Node.
describe('drizzle-orm above better-sqlite3', () => {
  it("has the driver's span below its own", async () => {
    const app = `
      import Database from 'better-sqlite3'
      import { drizzle } from 'drizzle-orm/better-sqlite3'
      import { integer, sqliteTable } from 'drizzle-orm/sqlite-core'
      import { span } from '@perf/agent/api'
      const client = new Database(':memory:')
      client.exec('create table things (id integer)')
      const things = sqliteTable('things', { id: integer('id') })
      const db = drizzle(client)
      await span('job', async () => {
        db.insert(things).values({ id: 1 }).run()
        await db.select().from(things)
      })
    `
    const packages = [`better-sqlite3@${versionsFor('better-sqlite3', nodeMajor()).at(-1)}`]
    const { spans } = await record({ app, packages, env: { PERF_INTEGRATIONS: 'drizzle-orm,better-sqlite3' } })
    const below = (name: string) =>
      childrenOf(
        spans,
        spans.find((span) => span.name === name),
      ).map((span) => span.name)
    expect(below('job')).toEqual(['things.insert', 'things.select'])
    expect([below('things.insert'), below('things.select')]).toEqual([['insert "things"'], ['select "things"']])
  })
})
