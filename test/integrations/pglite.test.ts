import pglite from '../../src/integrations/pglite.ts'
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
  const named = {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    'db.query.summary': summary,
    'db.query.text': text,
    ...table,
  }
  return { name: summary, kind: 'client', attributes: { ...named, ...result }, ...more }
}

const parameters = { payloads: ['db.query.parameters'] }
const rows = (count: number) => ({ 'db.response.returned_rows': count })
const affected = (count: number) => ({ 'perf.db.affected_rows': count })
const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })

await testIntegration(pglite, {
  scenario: 'pglite',
  library: '@electric-sql/pglite',
  operation: (i) => [statement('select', `select $1::int as n${i}`, rows(1), parameters)],
  expect: {
    query: [
      statement('select things', 'select id from things where name <> $1 and id < ?', rows(1), parameters),
      statement('select things', 'select id from things where name = ?', rows(1)),
    ],
    template: [statement('select things', 'select id from things where id = $1', rows(1), parameters)],
    write: [
      statement('update things', 'update things set name = name where id = $1 returning id', { ...affected(1), ...rows(1) }, parameters),
    ],
    exec: [statement('select select', 'select ? as a; select ? as b', rows(1))],
    transaction: [statement('select', 'select ?', rows(1)), statement('select', 'select $1::int as b', rows(1), parameters)],
    transactionFails: [statement('delete things', 'delete from things where id = $1', affected(1), parameters)],
    failure: [statement('select', 'select $1::int as n', failed('22P02'), { status: 'error', ...parameters })],
    failureInSql: [statement('select no_such_table', 'select * from no_such_table where name = ?', failed('42P01'), { status: 'error' })],
  },
})
