import pg from '../../src/integrations/pg.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { postgres } from '../support/services.ts'

const connection = {
  'db.system.name': 'postgresql',
  'db.namespace': 'test',
  'server.address': postgres.host,
  'server.port': postgres.port,
}

/** A statement with its summary (`select things`), its text and what came back. */
function statement(
  summary: string,
  text: string,
  result: Record<string, ExpectedValue> = {},
  more: Partial<ExpectedSpan> = {},
): ExpectedSpan {
  const [operation = '', collection = 'select'] = summary.replace(' table', '').split(' ')
  const table: Record<string, string> = collection === 'select' ? {} : { 'db.collection.name': collection }
  const named = { 'db.operation.name': operation, 'db.query.summary': summary, 'db.query.text': text, ...table }
  return { name: summary, kind: 'client', attributes: { ...connection, ...named, ...result }, ...more }
}

const parameters = { payloads: ['db.query.parameters'] }
const rows = (count: number) => ({ 'db.response.returned_rows': count })
const affected = (count: number) => ({ 'perf.db.affected_rows': count })
const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })

await testIntegration(pg, {
  scenario: 'pg',
  library: 'pg',
  modules: ['pg', 'pg-pool', 'pg-cursor', 'pg-query-stream'],
  unsupported: ['pg', 'pg-pool', 'pg-cursor'],
  service: postgres,
  optional: ['pool.connect'],
  operation: (i) => [statement('select', `select $1::int as n${i}`, rows(1), parameters)],
  expect: {
    promise: [
      statement('insert things', 'insert into things values ($1, $2), ($3, $4)', affected(2), parameters),
      statement('select things', 'select id from things where name <> $1 and id < ?', rows(1), parameters),
    ],
    literals: [statement('select things', 'select id from things where name = ?', rows(1))],
    callback: [statement('select', 'select $1::text as a', rows(1), parameters)],
    config: [statement('select', 'select $1::int as a', rows(1), parameters)],
    prepared: Array.from({ length: 2 }, () => statement('select things', 'select name from things where id = $1', rows(1), parameters)),
    returning: [
      statement('update things', 'update things set name = name where id = $1 returning id', { ...affected(1), ...rows(1) }, parameters),
    ],
    several: [statement('select select', 'select ?; select ? as b', rows(1))],
    failure: [statement('select', 'select ?::int', failed('22P02'), { status: 'error' })],
    failureInCallback: [statement('select no_such_table', 'select * from no_such_table', failed('42P01'), { status: 'error' })],
    wrongUse: [],
    transaction: [
      statement('begin', 'begin'),
      statement('create table passing', 'create temp table passing (id int) on commit drop'),
      statement('insert passing', 'insert into passing values ($1)', affected(1), parameters),
      statement('rollback', 'rollback'),
    ],
    poolCallback: [statement('select', 'select ? as a', rows(1))],
    poolWait: [waiting(), statement('select', 'select ? as a', rows(1))],
    cursor: [statement('select', 'select generate_series(?, $1::int) as n', rows(5), parameters)],
    cursorClosed: [statement('select', 'select generate_series(?, ?) as n', rows(2))],
    stream: [statement('select', 'select generate_series(?, $1::int) as n', rows(250), parameters)],
    streamFailure: [statement('select no_such_table', 'select * from no_such_table', failed('42P01'), { status: 'error' })],
    events: [statement('select select', 'select ? as a union all select ?', rows(2))],
    connectionRefused: [
      {
        name: 'connect test',
        kind: 'client',
        status: 'error',
        attributes: { ...connection, 'server.port': 1, ...failed('ECONNREFUSED') },
      },
    ],
  },
})

/** The caller waited for a connection of the pool; a new one is opened below it. */
function waiting(): ExpectedSpan {
  const pool = { 'perf.pool.max': 2, 'perf.pool.connections': isCount, 'perf.pool.waiting': isCount, 'perf.pool.wait_ms': isCount }
  return { name: 'pool.connect', kind: 'internal', attributes: { ...connection, ...pool }, children: undefined }
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}
