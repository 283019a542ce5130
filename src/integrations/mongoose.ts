import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { endpointAt, mapperCall } from '../semantics/db.ts'
import { endFailed } from '../semantics/mongodb.ts'
import { maskQuotedValues } from '../semantics/quoted-values.ts'

// mongoose 6 to 9: one span per query, aggregation, save and bulk call, named by model and method, with the driver's spans below it. A query
// is a thenable that runs when it is asked: its `exec` is hooked, where asking it arrives. 9.7 and later publish channels; they are not used,
// because the versions before need the hooks and those fit these, too.

interface Connection {
  name?: string
  host?: string
  port?: number
}

interface Model {
  modelName?: string
  collection?: { name?: string }
  db?: Connection
}

interface Query {
  op?: string | null
  model?: Model | null
}

interface Aggregate {
  _model?: Model
  options?: { cursor?: unknown }
}

interface Document {
  constructor: Model
}

type QueryCall = { self: Query; args: [op?: unknown]; result: unknown }
type AggregateCall = { self: Aggregate; args: []; result: unknown }
type ModelCall = { self: Model; args: []; result: unknown }
type DocumentCall = { self: Document; args: []; result: unknown }

// Until 7 a callback may come last.
const V6 = { versions: '>=6 <7', settles: 'callback' as const }
const LATER = { versions: '>=7 <10', settles: 'promise' as const }
const generations = [V6, LATER]

export default defineIntegration({
  name: 'mongoose',
  module: 'mongoose',
  kind: 'db',
  records: {
    spans: ['User.findOne', 'User.save', 'User.aggregate'],
    attributes: [
      'db.system.name',
      'db.namespace',
      'server.address',
      'server.port',
      'db.collection.name',
      'db.response.returned_rows',
      'db.response.status_code',
      'perf.orm.model',
      'perf.orm.method',
    ],
    against: 'a scripted MongoDB server that speaks the wire protocol',
  },
  inBundle: ['Query must have `op` before executing'],
  errors: [
    { path: 'Error', versions: '>=6 <10', message: maskMessage },
    // Its text is the app's own and may hold the value as it likes.
    { path: 'Error.ValidatorError', versions: '>=6 <10', message: () => 'validation failed' },
  ],
  targets: generations
    .flatMap((generation) => [
      target<QueryCall>({ ...generation, file: 'lib/query', path: 'prototype.exec', start: startQuery, end: endQuery }),
      target<AggregateCall>({ ...generation, file: 'lib/aggregate', path: 'prototype.exec', start: startAggregate, end: endQuery }),
      ...['save', ...(generation === V6 ? ['remove', 'deleteOne'] : [])].map((name) => onDocument(name, generation)),
      ...['insertMany', 'bulkWrite'].map((name) =>
        target<ModelCall>({
          ...generation,
          file: 'lib/model',
          path: name,
          start: ({ self }: Call<ModelCall>) => startModel(self, name),
          end: endQuery,
        }),
      ),
    ])
    .concat(onDocument('deleteOne', { ...LATER, versions: '>=7 <8' })),
})

/** A method of documents; from 8 on `deleteOne` is a query. */
function onDocument(name: string, generation: typeof V6 | typeof LATER): ReturnType<typeof target> {
  return target<DocumentCall>({
    ...generation,
    file: 'lib/model',
    path: `prototype.${name}`,
    also: name === 'remove' ? ['prototype.$remove', 'prototype.delete'] : [`prototype.$${name}`],
    start: ({ self }) => startModel(self.constructor, name),
    end: endQuery,
  })
}

function startQuery({ self, args: [given] }: Call<QueryCall>): SpanStart | undefined {
  const op = typeof given === 'string' ? given : self.op
  return op === undefined || op === null || !self.model ? undefined : startModel(self.model, op)
}

function startAggregate({ self }: Call<AggregateCall>): SpanStart | undefined {
  return self._model === undefined || self.options?.cursor ? undefined : startModel(self._model, 'aggregate')
}

function startModel({ modelName, collection, db }: Model, method: string): SpanStart | undefined {
  if (modelName === undefined) return undefined
  const endpoint = endpointAt({ system: 'mongodb', host: db?.host, port: db?.port, namespace: db?.name })
  return mapperCall(endpoint, modelName, method, collection?.name)
}

function endQuery(call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return endFailed(call, outcome)
  return Array.isArray(outcome.result) ? { attributes: { 'db.response.returned_rows': outcome.result.length } } : undefined
}

/** `User validation failed: age: Cast to Number failed for value "…"` without the values. */
function maskMessage(text: string): string {
  return maskQuotedValues(text.replace(/( validation failed)[^]*/, '$1'))
}
