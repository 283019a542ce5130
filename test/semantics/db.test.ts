import { expect, it } from 'vitest'
import { endpointAt, endpointOf, failed, withParameters } from '../../src/semantics/db.ts'
import { maskQuotedValues } from '../../src/semantics/quoted-values.ts'

const address = { system: 'postgresql', host: 'db.local', port: 5432, namespace: 'shop' }

it('gives the same frozen start for the same statement of one database, whatever the connection', () => {
  const first = endpointOf({}, () => address).statement('select * from t', false)
  const second = endpointOf({}, () => ({ ...address })).statement('select * from t', false)
  expect(second).toBe(first)
  expect(Object.isFrozen(first.attributes)).toBe(true)
  expect(endpointAt({ ...address, namespace: 'other' }).statement('select * from t', false)).not.toBe(first)
})

it('keeps a bounded number of statements', () => {
  const endpoint = endpointAt(address)
  const first = endpoint.statement('select 0', true)
  for (let i = 1; i <= 600; i++) endpoint.statement(`select ${i}`, true)
  expect(endpoint.statement('select 0', true)).not.toBe(first)
})

it('adds parameters as a payload, never as attributes', () => {
  const start = endpointAt(address).statement('select $1', true)
  expect(withParameters(start, [])).toBe(start)
  expect(withParameters(start, ['secret'])).toEqual({ ...start, payloads: [{ role: 'db.query.parameters', value: ['secret'] }] })
})

it.each([
  ['invalid input syntax for type integer: "secret"', 'invalid input syntax for type integer: "?"'],
  ['duplicate key value violates unique constraint "users_pkey"', 'duplicate key value violates unique constraint "users_pkey"'],
  ['relation "userz" does not exist', 'relation "userz" does not exist'],
  ['syntax error at or near "secret', 'syntax error at or near "?"'],
  ["ERR unknown command 'foo', with args beginning with: 'secret' ", "ERR unknown command '?' "],
  ['invalid input syntax for type integer: "a"secret"', 'invalid input syntax for type integer: "?"'],
  ['null value in column "name" of relation "users" violates "a" not "b"', 'null value in column "name" of relation "users" violates "?"'],
  ["This model's limit is 8 tokens, your messages' sum is 9", "This model's limit is 8 tokens, your messages' sum is 9"],
  [`400 Invalid prompt: 'it's "secret"' and "it's secret" too`, `400 Invalid prompt: '?' too`],
  ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'],
])('takes the values out of the message %s', (message, masked) => {
  expect(maskQuotedValues(message)).toBe(masked)
})

it('describes a failed call by the code of the database', () => {
  expect(failed(new Error('value "x" is out of range'), '22003')).toEqual({
    errorType: '22003',
    attributes: { 'db.response.status_code': '22003' },
    exceptionMessage: 'value "?" is out of range',
  })
  expect(failed('thrown text', undefined)).toEqual({})
})
