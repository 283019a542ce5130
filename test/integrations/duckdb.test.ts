import duckdb from '../../src/integrations/duckdb.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

function statement(
  summary: string,
  text: string,
  result: Record<string, ExpectedValue> = {},
  more: Partial<ExpectedSpan> = {},
): ExpectedSpan {
  const [operation = '', collection = 'select'] = summary.split(' ')
  const table: Record<string, string> = collection === 'select' ? {} : { 'db.collection.name': collection }
  const named = { 'db.system.name': 'duckdb', 'db.operation.name': operation, 'db.query.summary': summary, 'db.query.text': text, ...table }
  return { name: summary, kind: 'client', attributes: { ...named, ...result }, ...more }
}

const parameters = { payloads: ['db.query.parameters'] }
const rows = (count: number) => ({ 'db.response.returned_rows': count })

await testIntegration(duckdb, {
  scenario: 'duckdb',
  library: '@duckdb/node-api',
  operation: (i) => [statement('select', `select $1::integer as n${i}`, rows(1), parameters)],
  expect: {
    run: [statement('select things', 'select id from things where name = ?', rows(1))],
    write: [statement('insert things', 'insert into things values ($id, $name)', { 'perf.db.affected_rows': 1 }, parameters)],
    several: [statement('select select', 'select ? as a; select ? as b', rows(1))],
    prepared: [statement('select things', 'select name from things where id = $1', rows(1))],
    stream: [statement('select', 'select unnest(range(?)) as n')],
    failure: [
      statement(
        'select no_such_table',
        'select * from no_such_table where name = ? and id = ?',
        { 'error.type': 'Catalog Error' },
        { status: 'error' },
      ),
    ],
    duplicate: [
      statement(
        'insert things',
        'insert into things values (?, $1)',
        { 'error.type': 'Constraint Error' },
        { status: 'error', ...parameters },
      ),
    ],
  },
})
