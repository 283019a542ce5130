import mysql2 from '../../src/integrations/mysql2.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { mariadb } from '../support/services.ts'

const connection = {
  'db.system.name': 'mysql',
  'db.namespace': 'test',
  'server.address': mariadb.host,
  'server.port': mariadb.port,
}

function statement(
  summary: string,
  text: string,
  result: Record<string, ExpectedValue> = {},
  more: Partial<ExpectedSpan> = {},
): ExpectedSpan {
  const [operation = '', collection] = summary.split(' ')
  const table: Record<string, string> = collection === undefined || collection === 'select' ? {} : { 'db.collection.name': collection }
  const named = { 'db.operation.name': operation, 'db.query.summary': summary, 'db.query.text': text, ...table }
  return { name: summary, kind: 'client', attributes: { ...connection, ...named, ...result }, ...more }
}

const parameters = { payloads: ['db.query.parameters'] }
const rows = (count: number) => ({ 'db.response.returned_rows': count })
const affected = (count: number) => ({ 'perf.db.affected_rows': count })
const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })

await testIntegration(mysql2, {
  scenario: 'mysql2',
  library: 'mysql2',
  modules: ['mysql2', 'mysql2/promise'],
  service: mariadb,
  optional: ['pool.connect'],
  operation: (i) => [statement('select', `select ? as n${i}`, rows(1), parameters)],
  expect: {
    callback: [
      statement('insert things', 'insert into things values (?, ?)', affected(1), parameters),
      statement('select things', 'select id from things where name = ?', rows(2)),
    ],
    promise: [statement('select things', 'select id from things where name <> ? and id < ?', rows(1), parameters)],
    configuration: [statement('select', 'select :a as a', rows(1), parameters)],
    execute: [
      statement('select things', 'select name from things where id = ?', rows(1), parameters),
      statement('update things', 'update things set name = name where id = ?', affected(1), parameters),
    ],
    prepared: [statement('select', 'select ? as a', rows(1), parameters)],
    several: [statement('select select select', 'select ? as a; select ? as b union select ?', rows(2))],
    transaction: [
      statement('START', 'START TRANSACTION', affected(0)),
      statement('delete things', 'delete from things where id = ?', affected(1)),
      statement('ROLLBACK', 'ROLLBACK', affected(0)),
    ],
    failure: [
      statement('select no_such_table', 'select * from no_such_table where name = ?', failed('ER_NO_SUCH_TABLE'), { status: 'error' }),
    ],
    failurePromise: [
      statement('select things', 'select nothing from things where name = ?', failed('ER_BAD_FIELD_ERROR'), {
        status: 'error',
        ...parameters,
      }),
    ],
    duplicate: [statement('insert things', 'insert into things values (?, ?)', failed('ER_DUP_ENTRY'), { status: 'error', ...parameters })],
    wrongUse: [statement('select', 'select ?', { 'error.type': 'TypeError' }, { status: 'error', ...parameters })],
    stream: [statement('select seq_1_to_250', 'select seq as n from seq_1_to_250', rows(250))],
    events: [statement('select select', 'select ? as a union all select ?', rows(2))],
    failureEvent: [statement('select no_such_table', 'select * from no_such_table', failed('ER_NO_SUCH_TABLE'), { status: 'error' })],
    poolCallback: [statement('select', 'select ? as a', rows(1))],
    poolExecute: [statement('select', 'select ? as a', rows(1), parameters)],
    poolWait: [waiting(), statement('select', 'select ? as a', rows(1))],
    connectionRefused: [],
    poolRefused: [
      {
        ...waiting(),
        status: 'error',
        attributes: { ...waiting().attributes, 'server.port': 1, 'perf.pool.max': 10, ...failed('ECONNREFUSED') },
      },
    ],
  },
})

/** The caller waited for a connection of the pool. */
function waiting(): ExpectedSpan {
  const pool = { 'perf.pool.max': 2, 'perf.pool.connections': isCount, 'perf.pool.waiting': isCount, 'perf.pool.wait_ms': isCount }
  return { name: 'pool.connect', kind: 'internal', attributes: { ...connection, ...pool }, children: undefined }
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}
