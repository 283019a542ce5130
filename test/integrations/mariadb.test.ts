import definition from '../../src/integrations/mariadb.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { mariadb } from '../support/services.ts'

const connection = {
  'db.system.name': 'mariadb',
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

await testIntegration(definition, {
  scenario: 'mariadb',
  library: 'mariadb',
  service: mariadb,
  optional: ['pool.connect'],
  operation: (i) => [statement('select', `select ? as n${i}`, rows(1), parameters)],
  expect: {
    promise: [
      statement('insert things', 'insert into things values (?, ?)', affected(1), parameters),
      statement('select things', 'select id from things where name = ?', rows(3)),
    ],
    named: [statement('select', 'select :a as a', rows(1), parameters)],
    batch: [statement('insert things', 'insert into things values (?, ?)', { ...affected(3), 'db.operation.batch.size': 3 }, parameters)],
    several: [statement('select select select', 'select ? as a; select ? as b union select ?', rows(2))],
    transaction: [
      statement('START', 'START TRANSACTION', affected(0)),
      statement('delete things', 'delete from things where id = ?', affected(1)),
      statement('ROLLBACK', 'ROLLBACK', affected(0)),
      statement('COMMIT', 'COMMIT'),
    ],
    failure: [
      statement('select no_such_table', 'select * from no_such_table where name = ? and id = ?', failed('ER_NO_SUCH_TABLE'), {
        status: 'error',
      }),
    ],
    failureWithParameters: [
      statement('insert things', 'insert into things values (?, ?)', failed('ER_DUP_ENTRY'), { status: 'error', ...parameters }),
    ],
    stream: [
      statement('select seq_1_to_250', 'select seq as n from seq_1_to_250', {
        'perf.stream.end': 'complete',
        'perf.stream.chunks': 250,
        'perf.stream.time_to_first_chunk_ms': isCount,
        'perf.stream.max_gap_ms': isCount,
        'perf.stream.mean_gap_ms': isCount,
      }),
    ],
    callback: [statement('select', 'select ? as a', rows(1), parameters)],
    failureInCallback: [
      statement('select no_such_table', 'select nothing from no_such_table', failed('ER_NO_SUCH_TABLE'), { status: 'error' }),
    ],
    poolCallback: [statement('select', 'select ? as a', rows(1))],
    poolConnection: [statement('select', 'select ? as a', rows(1))],
    poolWait: [waiting(), statement('select', 'select ? as a', rows(1))],
    address: [statement('select', 'select ? as a', rows(1))],
  },
})

/** The caller waited for a connection of the pool. */
function waiting(): ExpectedSpan {
  const pool = { 'perf.pool.connections': isCount, 'perf.pool.waiting': isCount, 'perf.pool.wait_ms': isCount }
  return { name: 'pool.connect', kind: 'internal', attributes: { ...connection, ...pool }, children: undefined }
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}
