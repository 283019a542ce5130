import { it } from 'vitest'
import nodeSqlite from '../../src/integrations/node-sqlite.ts'
import { testIntegration } from '../support/conformance.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { failed, iterated, sqliteStatement } from '../support/sqlite-spans.ts'

const statement = sqliteStatement(':memory:')
const parameters = { payloads: ['db.query.parameters'] }
const rows = (count: number) => ({ 'db.response.returned_rows': count })
const affected = (count: number) => ({ 'perf.db.affected_rows': count })

if (nodeMajor() < 22) it('is recorded', ({ skip }) => skip('Node 20 has no node:sqlite'))
else
  await testIntegration(nodeSqlite, {
    scenario: 'node-sqlite',
    library: 'node:sqlite',
    // Its functions are native: their shape is a case of the scenario.
    modules: [],
    operation: (i) => [statement('select', `select ? as n${i}`, rows(1), parameters)],
    expect: {
      run: [statement('insert things', 'insert into things values (@id, @name)', affected(1), parameters)],
      get: [1, 0].map((count) => statement('select things', 'select name from things where id = ?  ', rows(count), parameters)),
      all: [statement('select things', 'select id from things where name = ? or id in (?)', rows(2))],
      iterate: [statement('select things', 'select id from things where id < ?', iterated('complete', 2), parameters)],
      iterateInPart: [statement('select "things"', 'select id from "things"', iterated('early', 1))],
      exec: [statement('update things select', 'update things set name = ? where id = ?; select ?')],
      failure: [statement('insert things', 'insert into things values (?, ?)', failed('1555'), { status: 'error', ...parameters })],
      failureInSql: [statement('select no_such_table', 'select * from no_such_table where name = ?', failed('1'), { status: 'error' })],
      shape: [],
      tags: () =>
        nodeMajor() < 24
          ? []
          : [
              statement('select things', 'select name from things where id = ?', rows(1), parameters),
              statement('select things', 'select id from things where name = ?', rows(1), parameters),
            ],
    },
  })
