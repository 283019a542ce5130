import pg from '../../src/integrations/pg.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { postgres } from '../support/services.ts'

const connection = { 'db.system.name': 'postgresql', 'db.namespace': 'test', 'server.address': postgres.host, 'server.port': postgres.port }

function statement(
  operation: string,
  table: string | undefined,
  text: string,
  more: Record<string, ExpectedValue> = {},
  rest: Partial<ExpectedSpan> = {},
): ExpectedSpan {
  const name = table === undefined ? operation : `${operation} ${table}`
  const collection: Record<string, string> = table === undefined ? {} : { 'db.collection.name': table }
  return {
    name,
    kind: 'client',
    attributes: {
      ...connection,
      ...collection,
      'db.operation.name': operation,
      'db.query.summary': name,
      'db.query.text': text,
      ...more,
    },
    payloads: ['db.query.parameters'],
    ...rest,
  }
}

const rows = (count: number) => ({ 'db.response.returned_rows': count })
const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })
const error = { status: 'error' } as const
const plain = { payloads: [] }

await testIntegration(pg, {
  scenario: 'pg-native',
  library: 'pg-native',
  modules: ['pg'],
  // The version is that of `pg`, whose test has it.
  unsupported: false,
  service: postgres,
  operation: (i) => [statement('select', undefined, `select $1::int as n${i}`, rows(1))],
  optional: ['pool.connect'],
  expect: {
    promise: [
      statement('insert', 'things', 'insert into things values ($1, $2), ($3, $4)', { 'perf.db.affected_rows': 2 }),
      statement('select', 'things', 'select id from things where name <> $1 and id < ?', rows(1)),
    ],
    literals: [statement('select', 'things', 'select id from things where name = ?', rows(1), plain)],
    callback: [statement('select', undefined, 'select $1::text as a', rows(1))],
    prepared: [1, 2].map(() => statement('select', 'things', 'select name from things where id = $1', rows(1))),
    queryObject: [statement('select', 'things', 'select id from things where id < $1', rows(1))],
    queryObjectFails: [statement('select', undefined, 'select nothing_there', failed('42703'), { ...error, ...plain })],
    failure: [statement('insert', 'things', 'insert into things values ($1, $2)', failed('23505'), error)],
    refused: [{ name: 'connect test', kind: 'client', ...error, attributes: { ...connection, 'server.port': 1, 'error.type': 'Error' } }],
  },
})
