import { afterAll, describe, expect, it } from 'vitest'
import mongoose from '../../src/integrations/mongoose.ts'
import { startMongoServer } from '../servers/mongodb.ts'
import { testIntegration } from '../support/conformance.ts'
import { childrenOf, type ExpectedSpan, type ExpectedValue } from '../support/expect-spans.ts'
import { record } from '../support/record.ts'

const server = await startMongoServer()
afterAll(() => server.close())

const where = { 'db.system.name': 'mongodb', 'db.namespace': 'test', 'server.address': '127.0.0.1', 'server.port': server.port }

function call(model: string, method: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const named = { 'db.collection.name': model === 'Team' ? 'teams' : 'people', 'perf.orm.model': model, 'perf.orm.method': method }
  return { name: `${model}.${method}`, kind: 'internal', attributes: { ...where, ...named, ...more }, ...rest }
}

const rows = (n: number) => ({ 'db.response.returned_rows': n })
const error = { status: 'error' } as const

await testIntegration(mongoose, {
  scenario: 'mongoose',
  library: 'mongoose',
  env: { MONGO_URL: server.url },
  operation: (i) => [i % 2 === 0 ? call('Person', 'find', rows(0)) : call('Person', 'countDocuments')],
  expect: {
    query: [call('Person', 'find', rows(2)), call('Person', 'findOne')],
    lazy: [
      call('Person', 'findOne'),
      call('Person', 'findOne', { 'error.type': 'MongooseError' }, error),
      call('Person', 'estimatedDocumentCount'),
    ],
    save: [call('Person', 'save'), call('Person', 'save'), call('Person', 'deleteOne'), call('Person', 'save')],
    updates: [call('Person', 'updateOne'), call('Person', 'findOneAndDelete')],
    many: [call('Person', 'insertMany', rows(2)), call('Person', 'bulkWrite')],
    aggregate: [call('Person', 'aggregate', rows(1))],
    cursor: [],
    // The first 6 goes below its own queries for it.
    populate: (version) => [call('Person', 'findOne', {}, { children: version === '6.0.0' ? [] : [call('Team', 'find', rows(1))] })],
    validationError: [call('Person', 'save', { 'error.type': 'ValidationError' }, error)],
    castError: [call('Person', 'find', { 'error.type': 'CastError' }, error)],
    duplicateKey: [call('Person', 'save', { 'error.type': '11000', 'db.response.status_code': '11000' }, error)],
  },
})

describe.each(['6.13.11', '9.12.1'])('mongoose %s over its driver', (version) => {
  it.each(['esm', 'cjs'] as const)('has the spans of the driver below its own (%s)', async (format) => {
    const run = await record({
      format,
      packages: [`mongoose@${version}`],
      env: { MONGO_URL: server.url, PERF_INTEGRATIONS: 'mongoose,mongodb' },
      app: `
        import mongoose from 'mongoose'
        import { span } from '@perf/agent/api'
        mongoose.set('strictQuery', true)
        const Thing = mongoose.model('Thing', new mongoose.Schema({ n: Number }, { autoIndex: false, autoCreate: false }))
        void (async () => {
          await mongoose.connect(process.env.MONGO_URL, { dbName: 'test' })
          await span('app', async () => {
            await Thing.find({ n: 1 })
            await new Thing({ n: 2 }).save()
          })
          await span('given back', () => Thing.find({ n: 3 }))
          await mongoose.disconnect()
        })()`,
    })
    expect(run.stderr).toBe('')
    const calls = childrenOf(
      run.spans,
      run.spans.find((span) => span.name === 'app'),
    )
    const below = calls.map((span) => childrenOf(run.spans, span).filter(({ kind }) => kind === 'client'))
    expect(calls.map((span) => [span.integration, span.name])).toEqual([
      ['mongoose', 'Thing.find'],
      ['mongoose', 'Thing.save'],
    ])
    const found = run.spans.find((span) => span.name === 'given back')
    expect(childrenOf(run.spans, found).map((span) => span.name)).toEqual(['Thing.find'])
    expect(below.flat().map((span) => [span.integration, span.name])).toEqual([
      ['mongodb', 'find things'],
      ['mongodb', 'insert things'],
    ])
  })
})
