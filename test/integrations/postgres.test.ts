import definition from '../../src/integrations/postgres.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { postgres } from '../support/services.ts'

const connection = {
  'db.system.name': 'postgresql',
  'db.namespace': 'test',
  'server.address': postgres.host,
  'server.port': postgres.port,
}

function statement(
  summary: string,
  text: string,
  result: Record<string, ExpectedValue> = {},
  more: Partial<ExpectedSpan> = {},
): ExpectedSpan {
  const [operation = '', collection = 'select'] = summary.split(' ')
  const table: Record<string, string> = collection === 'select' ? {} : { 'db.collection.name': collection }
  const named = { 'db.operation.name': operation, 'db.query.summary': summary, 'db.query.text': text, ...table }
  return { name: summary, kind: 'client', attributes: { ...connection, ...named, 'perf.pool.wait_ms': isTime, ...result }, ...more }
}

const parameters = { payloads: ['db.query.parameters'] }
const rows = (count: number) => ({ 'db.response.returned_rows': count })
const affected = (count: number) => ({ 'perf.db.affected_rows': count })
const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })

await testIntegration(definition, {
  scenario: 'postgres',
  library: 'postgres',
  service: postgres,
  operation: (i) => [statement('select', `select $1::int as n${i}`, rows(1), parameters)],
  expect: {
    tagged: [statement('select things', 'select id from things where name <> $1 and id < ?', rows(1), parameters)],
    fragments: [statement('select "things"', 'select "id" from "things" where name = $1', rows(1), parameters)],
    never: [],
    insert: [statement('insert things', 'insert into things values ($1, $2) returning id', { ...affected(1), ...rows(1) }, parameters)],
    update: [statement('update things', 'update things set name = name where id = $1', affected(1), parameters)],
    several: [statement('select select', 'select ? as a; select ? as b', rows(1))],
    transaction: [
      statement('begin', 'begin'),
      statement('select', 'select ? as a', rows(1)),
      statement('select', 'select $1::int as b', rows(1), parameters),
      statement('commit', 'commit'),
    ],
    transactionFails: [statement('begin', 'begin'), statement('select', 'select ? as a', rows(1)), statement('rollback', 'rollback')],
    cursor: [statement('select', 'select generate_series(?, $1::int) as n', {}, parameters)],
    cursorLeft: [statement('select', 'select generate_series(?, ?) as n')],
    forEach: [statement('select', 'select generate_series(?, $1::int) as n', rows(250), parameters)],
    failure: [statement('select', 'select $1::int as n', failed('22P02'), { status: 'error', ...parameters })],
    failureInSql: [statement('select no_such_table', 'select * from no_such_table where name = ?', failed('42P01'), { status: 'error' })],
    caught: [statement('select no_such_table', 'select * from no_such_table', failed('42P01'), { status: 'error' })],
    reserved: (version) => (version === '3.0.0' ? [] : [statement('select', 'select ? as a', rows(1))]),
    connectionRefused: [
      statement('select', 'select ? as a', { 'server.port': 1, ...failed('ECONNREFUSED') }, { status: 'error', children: undefined }),
    ],
  },
})

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}
