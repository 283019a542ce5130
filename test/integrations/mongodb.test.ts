import { afterAll } from 'vitest'
import mongodb from '../../src/integrations/mongodb.ts'
import { startMongoServer } from '../servers/mongodb.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const server = await startMongoServer()
afterAll(() => server.close())

type Attributes = Record<string, ExpectedValue>

const address = { 'db.system.name': 'mongodb', 'server.address': '127.0.0.1', 'server.port': server.port }

function command(operation: string, collection: string | undefined, more: Attributes = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const named: Attributes = { 'db.operation.name': operation, 'db.namespace': 'test' }
  if (collection !== undefined) named['db.collection.name'] = collection
  const name = `${operation} ${collection ?? String(more['db.namespace'] ?? 'test')}`
  return { name, kind: 'client', attributes: { ...address, ...named, ...more }, payloads: ['db.query.parameters'], ...rest }
}

const text = (shape: object) => ({ 'db.query.text': JSON.stringify(shape) })
const rows = (n: number) => ({ 'db.response.returned_rows': n })
const affected = (n: number) => ({ 'perf.db.affected_rows': n })
const failed = (code: string, type = code) => ({ 'db.response.status_code': code, 'error.type': type })
const error = { status: 'error' } as const
const none = { payloads: [] }
const isText = (value: unknown) => typeof value === 'string' && value.startsWith('{"')

const find = (collection: string, more: object, n: number) =>
  command('find', collection, { ...text({ find: collection, ...more }), ...rows(n) })
const fetched = (n: number) => command('getMore', 'many', { ...text({ getMore: 'many' }), ...rows(n) }, none)
const insert = (document: object, n: number, more: Attributes = {}, rest: Partial<ExpectedSpan> = {}) =>
  command('insert', 'users', { ...text({ insert: 'users', documents: [document] }), ...affected(n), ...more }, rest)
const write = (operation: 'update' | 'delete', n: number, collection = 'users') =>
  command(operation, collection, { 'db.query.text': isText, ...affected(n) })
const wait: ExpectedSpan = {
  name: 'pool.checkOut',
  kind: 'internal',
  attributes: { ...address, 'perf.pool.max': 2, 'perf.pool.connections': (n) => Number(n) >= 2, 'perf.pool.waiting': 2 },
}
const fields = ['age', 'name', 'city', 'email', 'role', 'team', 'floor']
const ends = (operation: string) => command(operation, undefined, { 'db.namespace': 'admin' }, none)

await testIntegration(mongodb, {
  scenario: 'mongodb',
  library: 'mongodb',
  env: { MONGO_URL: server.url },
  operation: (i) => [find('users', { filter: { [fields[i % fields.length] ?? '']: '?' }, limit: '?' }, 0)],
  optional: ['pool.checkOut'],
  expect: {
    insertAndFind: [
      insert({ _id: '?', name: '?', age: '?', tags: '?' }, 1),
      find('users', { filter: { _id: '?', name: '?', age: { $gt: '?' } }, sort: { age: '?' }, projection: { name: '?' }, limit: '?' }, 1),
      find('users', { filter: { name: '?' }, limit: '?' }, 0),
    ],
    update: [write('update', 1), write('update', 1), write('delete', 1)],
    findOneAndUpdate: [
      command('findAndModify', 'users', text({ findAndModify: 'users', query: { _id: '?' }, update: { $set: { name: '?' } } })),
    ],
    cursor: [find('many', { filter: {} }, 2), fetched(2), fetched(1)],
    cursorLeftEarly: [find('many', { filter: {} }, 2)],
    toArray: [find('many', { filter: { $or: [{ part: '?' }, { part: { $in: '?' } }] }, limit: '?' }, 3)],
    aggregate: [
      command('aggregate', 'many', {
        ...text({ aggregate: 'many', pipeline: [{ $match: { part: '?' } }, { $group: { _id: '?', n: { $sum: '?' } } }] }),
        ...rows(1),
      }),
    ],
    count: (version) => [
      command('aggregate', 'many', { 'db.query.text': isText, ...rows(1) }),
      version === '4.0.0'
        ? command('aggregate', 'many', { 'db.query.text': isText, ...rows(1) })
        : command('count', 'many', text({ count: 'many' }), none),
      command('distinct', 'many', text({ distinct: 'many', query: {}, key: '?' })),
    ],
    bulkWrite: [
      insert({ _id: '?', name: '?' }, 2, { 'db.operation.batch.size': 2 }),
      write('update', 1),
      command('delete', 'users', { 'db.query.text': isText, ...affected(2), 'db.operation.batch.size': 2 }),
    ],
    duplicateKey: [insert({ _id: '?' }, 1), insert({ _id: '?' }, 0, failed('11000'), error)],
    duplicateKeyThrown: [insert({ _id: '?' }, 0, failed('11000'), error)],
    badOperator: [
      command(
        'find',
        'users',
        { ...text({ find: 'users', filter: { name: { $bad: '?' } }, limit: '?' }), ...failed('2', 'BadValue') },
        error,
      ),
    ],
    command: [command('ping', undefined, {}, none), command('noSuch', undefined, failed('59', 'CommandNotFound'), { ...none, ...error })],
    transaction: [insert({ _id: '?' }, 1), ends('commitTransaction'), write('delete', 1), ends('abortTransaction')],
    changeStream: [],
    waitsForAConnection: [1, 2, 3].map(() => find('many', { filter: { _id: '?' }, limit: '?' }, 1)).toSpliced(0, 0, wait),
    // 7 keeps the connection it has tried.
    otherClient: (version) => [
      { name: 'connect', kind: 'client', attributes: address, children: undefined },
      ...(version.startsWith('7.') ? [] : [{ ...wait, attributes: undefined }]),
      find('many', { filter: { _id: '?' }, limit: '?' }, 1),
    ],
  },
})
