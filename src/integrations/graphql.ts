import { channel, defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Call, Finds, Outcome, SpanEnd, SpanStart } from '../core/integration.ts'

interface OperationNode {
  kind: string
  operation: string
  name?: { value: string }
}
interface DocumentNode {
  definitions: readonly OperationNode[]
}
interface Path {
  prev: Path | undefined
  key: string | number
}
interface ResolveInfo {
  fieldName: string
  parentType: { name: string }
  path: Path
}
interface GraphQLError {
  path?: readonly (string | number)[]
}
interface Field {
  resolve?: unknown
}
interface Schema {
  getTypeMap(): Record<string, { name: string; getFields?(): Record<string, Field> }>
}
interface ExecutionArgs {
  schema: Schema
  document: DocumentNode
  operationName?: string | null
  variableValues?: unknown
}
/** What graphql 17 publishes of an execution. */
interface ExecuteMessage {
  schema: Schema
  rawVariableValues?: unknown
  operationName: string | undefined
  operationType: string | undefined
}
interface ResolveCall {
  args: [source: unknown, args: unknown, context: unknown, info: ResolveInfo]
}

/** Resolvers of the items behind these get no spans of their own: what they do stands below the field of the list. */
const MAX_POSITIONS = 10
const MAX_PATHS = 5

const resolvers: Omit<Finds<never>, 'root'> = {
  *places(root) {
    for (const type of Object.values((root as Schema).getTypeMap())) {
      // Types of the introspection, and fields without a resolver of the app's.
      if (typeof type.getFields !== 'function' || type.name.startsWith('__')) continue
      for (const field of Object.values(type.getFields())) if (typeof field.resolve === 'function') yield [field, 'resolve']
    }
  },
  target: target<ResolveCall>({
    path: 'resolve',
    versions: '*',
    settles: 'beside',
    start({ args: [, , , info] }) {
      if (positions(info.path) >= MAX_POSITIONS) return undefined
      const field = `${info.parentType.name}.${info.fieldName}`
      return { name: `resolve ${field}`, attributes: { 'graphql.field.name': field, 'graphql.field.path': pathOf(info.path) } }
    },
  }),
}

export default defineIntegration({
  name: 'graphql',
  module: 'graphql',
  kind: 'function',
  records: {
    spans: ['graphql.parse', 'graphql.validate', 'resolve Query.user', 'resolve User.broken', 'resolve User.posts', 'query Op0'],
    attributes: [
      'graphql.field.name',
      'graphql.field.path',
      'graphql.operation.name',
      'graphql.operation.type',
      'perf.graphql.error_paths',
      'perf.graphql.errors',
    ],
    against: 'the real library, in its process',
  },
  inBundle: ['Must provide an operation.'],
  targets: [
    target<{ args: [source: unknown] }>({
      file: 'language/parser',
      path: 'parse',
      versions: '>=16.0.0 <17',
      settles: 'return',
      start: ({ args: [source] }) => parsing(source),
      end: (_call, outcome) => parsed(outcome),
    }),
    target<{ args: [schema: unknown, document: DocumentNode]; result: readonly unknown[] }>({
      file: 'validation/validate',
      path: 'validate',
      versions: '>=16.0.0 <17',
      settles: 'return',
      start: () => ({ name: 'graphql.validate' }),
      end: (_call, outcome) => validated(outcome),
    }),
    target<{ args: [args: ExecutionArgs] }>({
      file: 'execution/execute',
      path: 'execute',
      versions: '>=16.0.0 <17',
      settles: 'promise',
      start({ args: [{ document, operationName, variableValues }] }) {
        const operation = operationOf(document, operationName)
        return executing(operation?.operation, operation?.name?.value, variableValues)
      },
      end: (_call, outcome) => executed(outcome),
      finds: { ...resolvers, root: ({ args: [args] }: Call<{ args: [args: ExecutionArgs] }>) => args.schema },
    }),
    channel<{ source: unknown }>({
      name: 'graphql:parse',
      versions: '>=17.0.0 <18',
      nests: true,
      start: ({ source }) => parsing(source),
      end: (_message, outcome) => parsed(outcome),
    }),
    channel<object>({
      name: 'graphql:validate',
      versions: '>=17.0.0 <18',
      nests: true,
      start: () => ({ name: 'graphql.validate' }),
      end: (_message, outcome) => validated(outcome),
    }),
    channel<ExecuteMessage>({
      name: 'graphql:execute',
      versions: '>=17.0.0 <18',
      nests: true,
      start: ({ operationType, operationName, rawVariableValues }) => executing(operationType, operationName, rawVariableValues),
      end: (_message, outcome) => executed(outcome),
      finds: { ...resolvers, root: ({ schema }: ExecuteMessage) => schema },
    }),
    // One event of a subscription.
    channel<ExecuteMessage>({
      name: 'graphql:execute:rootSelectionSet',
      versions: '>=17.0.0 <18',
      nests: true,
      start: ({ operationType, operationName }) =>
        operationType === 'subscription' ? executing(operationType, operationName, undefined) : undefined,
      end: (_message, outcome) => executed(outcome),
      finds: { ...resolvers, root: ({ schema }: ExecuteMessage) => schema },
    }),
  ],
})

function parsing(source: unknown): SpanStart {
  const text: unknown = typeof source === 'object' && source !== null ? Reflect.get(source, 'body') : source
  return { name: 'graphql.parse', payloads: [{ role: 'graphql.document', value: text }] }
}

/** A syntax error quotes the document, which may hold values. */
function parsed(outcome: Outcome): SpanEnd | undefined {
  return outcome.ok ? undefined : { exceptionMessage: 'Syntax Error' }
}

function validated(outcome: Outcome): SpanEnd | undefined {
  const count = outcome.ok && Array.isArray(outcome.result) ? outcome.result.length : 0
  return count === 0 ? undefined : { status: 'error', errorType: 'GraphQLError', attributes: { 'perf.graphql.errors': count } }
}

function executing(type: string | undefined, name: string | undefined, variables: unknown): SpanStart {
  return {
    name: name === undefined || name.length > 64 ? `graphql.${type ?? 'execute'}` : `${type ?? 'execute'} ${name}`,
    attributes: { 'graphql.operation.type': type, 'graphql.operation.name': name },
    payloads: variables === undefined || variables === null ? undefined : [{ role: 'graphql.variables', value: variables }],
  }
}

function executed(outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return undefined
  const result = outcome.result as { errors?: readonly GraphQLError[] } | undefined
  const errors = result?.errors ?? []
  if (errors.length === 0) return undefined
  const paths = errors.flatMap(({ path }) => (path === undefined ? [] : [path.map(maskPosition).join('.')]))
  const attributes: Attributes = {
    'perf.graphql.errors': errors.length,
    'perf.graphql.error_paths': paths.length === 0 ? undefined : [...new Set(paths)].slice(0, MAX_PATHS),
  }
  return { status: 'error', errorType: 'GraphQLError', attributes }
}

function operationOf({ definitions }: DocumentNode, name: string | null | undefined): OperationNode | undefined {
  return definitions.find(
    (node) => node.kind === 'OperationDefinition' && (name === undefined || name === null || node.name?.value === name),
  )
}

/** Positions in the lists on the way, added up. */
function positions(path: Path | undefined): number {
  let sum = 0
  for (let at = path; at !== undefined; at = at.prev) if (typeof at.key === 'number') sum += at.key
  return sum
}

/** `users.*.posts`. */
function pathOf(path: Path): string {
  const keys: (string | number)[] = []
  for (let at: Path | undefined = path; at !== undefined; at = at.prev) keys.unshift(maskPosition(at.key))
  return keys.join('.')
}

function maskPosition(key: string | number): string {
  return typeof key === 'number' ? '*' : key
}
