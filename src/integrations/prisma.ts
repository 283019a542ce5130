import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { endpointAt, mapperCall } from '../semantics/db.ts'
import { maskQuotedValues } from '../semantics/quoted-values.ts'

// @prisma/client 5 to 7: one span per call of a model, raw query or transaction, named by model and method; the spans of a driver adapter's
// driver are below it. Prisma's promises do nothing until they are asked; what is hooked is what asking them calls.

interface Client {
  _activeProvider?: string
  _runtimeDataModel?: { models?: Readonly<Record<string, { dbName?: string | null } | undefined>> }
}

interface Request {
  model?: string
  action: string
  /** `user.findMany`, `$queryRaw`. */
  clientMethod?: string
}

type RequestCall = { self: Client; args: [request: Request]; result: unknown }
type TransactionCall = { self: Client; args: unknown[]; result: unknown }

/** `library` and `binary` speak to the native engine, `client` has none. */
const FILE = /^runtime\/(?:client|library|binary)$/
const VERSIONS = '>=5 <8'
const common = { file: FILE, versions: VERSIONS, settles: 'promise' as const, end: endCall }
const ERRORS = ['KnownRequestError', 'UnknownRequestError', 'ValidationError', 'InitializationError', 'RustPanicError']

export default defineIntegration({
  name: 'prisma',
  module: '@prisma/client',
  kind: 'db',
  records: {
    spans: ['User.findMany', '$queryRaw', '$transaction'],
    attributes: [
      'db.system.name',
      'db.collection.name',
      'db.response.returned_rows',
      'db.response.status_code',
      'perf.orm.model',
      'perf.orm.method',
    ],
    against: 'PostgreSQL, through its driver adapter',
  },
  esmFiles: ['client', 'library', 'binary'].map((name) => `@prisma/client/runtime/${name}.js`),
  inBundle: ['PrismaClientKnownRequestError', 'prisma-client-request'],
  errors: ERRORS.map((name) => ({ path: `PrismaClient${name}`, file: FILE, versions: VERSIONS, message: maskMessage })),
  targets: [
    target<RequestCall>({ ...common, path: 'getPrismaClient().prototype._request', start: startRequest }),
    target<TransactionCall>({
      ...common,
      path: 'getPrismaClient().prototype.$transaction',
      start: ({ self }) => mapperCall(endpointOf(self), undefined, '$transaction'),
    }),
  ],
})

function startRequest({ self, args: [{ model, action, clientMethod }] }: Call<RequestCall>): SpanStart {
  const method = clientMethod?.slice(clientMethod.indexOf('.') + 1) ?? action
  const table = model === undefined ? undefined : (self._runtimeDataModel?.models?.[model]?.dbName ?? model)
  return mapperCall(endpointOf(self), model, method, table)
}

function endCall(_call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (outcome.ok) return Array.isArray(outcome.result) ? { attributes: { 'db.response.returned_rows': outcome.result.length } } : undefined
  const { code } = (outcome.error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? { errorType: code, attributes: { 'db.response.status_code': code } } : undefined
}

function endpointOf({ _activeProvider: provider = 'other_sql' }: Client): ReturnType<typeof endpointAt> {
  return endpointAt({ system: SYSTEMS[provider] ?? provider, host: undefined, port: undefined, namespace: undefined })
}

const SYSTEMS: Readonly<Record<string, string>> = { postgres: 'postgresql', sqlserver: 'microsoft.sql_server' }

/** The last line says what is wrong; those above quote the call with its arguments. */
function maskMessage(text: string): string {
  return maskQuotedValues(text.trimEnd().split('\n').at(-1) ?? '')
}
