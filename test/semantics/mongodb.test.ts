// The shape of a command: names and operators, never a value.
import { describe, expect, it } from 'vitest'
import { commandShape, commandValues } from '../../src/semantics/mongodb.ts'

class ObjectId {
  _bsontype = 'ObjectId'
  hex = 'secret'
}

const shape = (command: Record<string, unknown>) => JSON.parse(commandShape('find', 'users', command)) as Record<string, unknown>

describe('commandShape', () => {
  it('keeps keys and operators, and no value of any kind', () => {
    const filter = {
      _id: new ObjectId(),
      at: new Date(),
      text: 'secret',
      n: 7n,
      $or: [{ a: { $gt: 1 } }, { b: /secret/ }],
      tags: { $in: ['secret'] },
    }
    expect(shape({ find: 'users', filter, sort: new Map([['at', -1]]), limit: 3, batchSize: 2 })).toEqual({
      find: 'users',
      filter: { _id: '?', at: '?', text: '?', n: '?', $or: [{ a: { $gt: '?' } }, { b: '?' }], tags: { $in: '?' } },
      sort: { at: '?' },
      limit: '?',
    })
  })
  it('takes the first of a batch, from a list or from what the driver keeps it in', () => {
    const documents = [{ a: 1 }, { b: 2 }]
    const expected = { insert: 'users', documents: [{ a: '?' }] }
    expect(JSON.parse(commandShape('insert', 'users', { documents }))).toEqual(expected)
    expect(JSON.parse(commandShape('insert', 'users', { documents: { documents } }))).toEqual(expected)
    expect(commandValues({ documents: { documents } })).toEqual([documents])
  })
  it('takes names with quotes as they are', () => {
    expect(shape({ filter: { 'a "quoted" \\ name': 1 } })).toMatchObject({ filter: { 'a "quoted" \\ name': '?' } })
  })
  it('ends: at a depth, a number of keys and a length', () => {
    const endless: Record<string, unknown> = {}
    endless['again'] = endless
    expect(commandShape('find', 'users', { filter: endless }).match(/again/g)?.length).toBeLessThan(20)
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, { [`inner${i}`]: i }]))
    expect(Object.keys(shape({ filter: wide })['filter'] as object)).toHaveLength(40)
    const long = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}`.repeat(60), 1]))
    expect(commandShape('find', 'users', { filter: long })).toHaveLength(2000)
  })
})
