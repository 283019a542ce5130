import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { STATEMENT_ATTRIBUTES, endpointAt, failed, withParameters, type Endpoint } from '../semantics/db.ts'

// @electric-sql/pglite: PostgreSQL inside the process. One span per statement of the database and of its transactions; what a transaction
// sends by itself (BEGIN, COMMIT) has none. A call waits in a queue of its own for the one before it, so its span may be longer than its work.

interface Results {
  rows?: unknown[]
  affectedRows?: number
}

type QueryCall = { self: object; args: [sql: string, values?: unknown]; result: unknown }

const VERSIONS = '>=0.3.0 <1'
const DATABASE = 'PGlite.prototype.__proto__'
const OWNERS = [DATABASE, `${DATABASE}.transaction(=>0)`]

export default defineIntegration({
  name: 'pglite',
  module: '@electric-sql/pglite',
  kind: 'db',
  records: { spans: ['SELECT users'], attributes: [...STATEMENT_ATTRIBUTES], against: 'PGlite itself, in the process' },
  targets: OWNERS.flatMap((owner) => [
    target<QueryCall>({ path: `${owner}.query`, versions: VERSIONS, settles: 'promise', start: startQuery, end: endQuery }),
    target<QueryCall>({
      path: `${owner}.exec`,
      versions: VERSIONS,
      settles: 'promise',
      start: ({ args: [sql] }) => endpoint().statement(String(sql), false),
      end: endQuery,
    }),
  ]),
})

function startQuery({ args: [sql, values] }: Call<QueryCall>): SpanStart {
  const parameters = Array.isArray(values) && values.length > 0 ? (values as unknown[]) : undefined
  return withParameters(endpoint().statement(String(sql), parameters !== undefined), parameters)
}

function endQuery(_call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, codeOf(outcome.error))
  const { result } = outcome
  const { rows, affectedRows } = ((Array.isArray(result) ? result.at(-1) : result) ?? {}) as Results
  if (affectedRows !== undefined && affectedRows > 0)
    return {
      attributes: { 'perf.db.affected_rows': affectedRows, 'db.response.returned_rows': rows?.length === 0 ? undefined : rows?.length },
    }
  return { attributes: { 'db.response.returned_rows': rows?.length } }
}

function endpoint(): Endpoint {
  return endpointAt({ system: 'postgresql', host: undefined, port: undefined, namespace: undefined })
}

/** SQLSTATE. */
function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
