import betterSqlite3 from '../../src/integrations/better-sqlite3.ts'
import { testIntegration } from '../support/conformance.ts'
import { failed, iterated, sqliteStatement } from '../support/sqlite-spans.ts'

const statement = sqliteStatement(':memory:')
const parameters = { payloads: ['db.query.parameters'] }
const rows = (count: number) => ({ 'db.response.returned_rows': count })
const affected = (count: number) => ({ 'perf.db.affected_rows': count })

await testIntegration(betterSqlite3, {
  scenario: 'better-sqlite3',
  library: 'better-sqlite3',
  operation: (i) => [statement('select', `select ? as n${i}`, rows(1), parameters)],
  expect: {
    run: [statement('insert things', 'insert into things values (@id, @name)', affected(1), parameters)],
    get: [1, 0, 1].map((count) => statement('select things', 'select name from things where id = ?  ', rows(count), parameters)),
    all: [statement('select things', 'select id from things where name = ? or id in (?)', rows(2))],
    iterate: [statement('select things', 'select id from things where id < ?', iterated('complete', 2), parameters)],
    iterateInPart: [statement('select "things"', 'select id from "things"', iterated('early', 1))],
    exec: [statement('update things select', 'update things set name = ? where id = ?; select ?')],
    transaction: [
      statement('BEGIN', 'BEGIN', affected(0)),
      statement('insert things', 'insert into things values (?, ?)', affected(1), parameters),
      statement('insert things', 'insert into things values (?, ?)', affected(1), parameters),
      statement('COMMIT', 'COMMIT', affected(0)),
    ],
    transactionFails: [
      statement('BEGIN', 'BEGIN', affected(0)),
      statement('delete things', 'delete from things where id = ?', affected(1), parameters),
      statement('ROLLBACK', 'ROLLBACK', affected(0)),
    ],
    pragma: [statement('PRAGMA', 'PRAGMA user_version'), statement('PRAGMA', 'PRAGMA table_info(things)', rows(2))],
    failure: [
      statement('insert things', 'insert into things values (?, ?)', failed('SQLITE_CONSTRAINT_PRIMARYKEY'), {
        status: 'error',
        ...parameters,
      }),
    ],
    failureInSql: [
      statement('select no_such_table', 'select * from no_such_table where name = ?', failed('SQLITE_ERROR'), { status: 'error' }),
    ],
    wrongUse: [statement('select', 'select ?', { 'error.type': 'RangeError' }, { status: 'error' })],
  },
})
