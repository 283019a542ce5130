import graphql from '../../src/integrations/graphql.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const parse: ExpectedSpan = { name: 'graphql.parse', kind: 'internal', attributes: {}, payloads: ['graphql.document'] }
const validate: ExpectedSpan = { name: 'graphql.validate', kind: 'internal', attributes: {} }

function execute(type: string, name: string | undefined, children: ExpectedSpan[], more: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const named: Record<string, ExpectedValue> = name === undefined ? {} : { 'graphql.operation.name': name }
  return {
    name: name === undefined ? `graphql.${type}` : `${type} ${name}`,
    kind: 'internal',
    children,
    ...more,
    attributes: { 'graphql.operation.type': type, ...named, ...more.attributes },
  }
}

function resolve(field: string, path: string, more: Partial<ExpectedSpan> = {}): ExpectedSpan {
  return {
    name: `resolve ${field}`,
    kind: 'internal',
    ...more,
    attributes: { 'graphql.field.name': field, 'graphql.field.path': path, ...more.attributes },
  }
}

const handler: ExpectedSpan = { name: 'handler', kind: 'internal', layer: 'function', integration: 'api', attributes: undefined }
const user = resolve('Query.user', 'user', { children: [handler] })
const variables = { payloads: ['graphql.variables'] }
const failed = (count: number, paths: string[] = []): Partial<ExpectedSpan> => ({
  status: 'error',
  attributes: {
    'error.type': 'GraphQLError',
    'perf.graphql.errors': count,
    ...(paths.length === 0 ? {} : { 'perf.graphql.error_paths': paths }),
  },
})
const broken = (path: string) => resolve('User.broken', path, { status: 'error', attributes: { 'error.type': 'Error' } })
const repeated = (span: ExpectedSpan) => Array.from({ length: 10 }, () => span)
const isSeventeen = (version: string) => version.startsWith('17.')

await testIntegration(graphql, {
  scenario: 'graphql',
  library: 'graphql',
  operation: (i) => [parse, validate, execute('query', `Op${i}`, [user])],
  expect: {
    query: [parse, validate, execute('query', 'User', [user, resolve('User.posts', 'user.posts')], variables)],
    mutation: [parse, validate, execute('mutation', undefined, [resolve('Mutation.rename', 'rename')])],
    chosen: [parse, execute('query', 'Two', [resolve('Query.now', 'now')])],
    // graphql 16 executes that within its own file.
    synchronous: (version) => (isSeventeen(version) ? [parse, execute('query', undefined, [])] : [parse]),
    // Of 30 items the first 10.
    lists: [parse, execute('query', 'Lists', [resolve('Query.users', 'users'), ...repeated(resolve('User.posts', 'users.*.posts'))])],
    failing: [
      parse,
      execute(
        'query',
        'Failing',
        [user, resolve('Query.users', 'users'), ...repeated(broken('users.*.broken')), broken('user.broken')],
        failed(31, ['users.*.broken', 'user.broken']),
      ),
    ],
    syntax: [{ ...parse, status: 'error', attributes: { 'error.type': 'GraphQLError' } }],
    invalid: [parse, { ...validate, ...failed(2) }],
    variables: [parse, execute('query', 'Variables', [], { ...variables, ...failed(1) })],
    subscription: [parse, execute('subscription', 'Ticks', []), execute('subscription', 'Ticks', [])],
    classes: [parse, execute('query', undefined, [resolve('Query.hello', 'hello')])],
  },
})
