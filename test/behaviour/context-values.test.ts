// What the app keeps in an AsyncLocalStorage of its own is what it is without the agent, wherever spans begin and end around it.
import { expect, it } from 'vitest'
import { record } from '../support/record.ts'

const APP = `
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { span } from '@perf/agent/api'

const a = new AsyncLocalStorage()
const b = new AsyncLocalStorage()
const note = (where) => console.log(where, a.getStore(), b.getStore())
const later = () => new Promise((resolve) => setTimeout(resolve, 1))

span('outer', () => {
  note('first')
  span('entering', () => a.enterWith('entered in a span'))
  note('entered by a callee')
  span('inner', () => note('inner'))
})
note('left')
a.enterWith('again')
await span('awaits', async () => {
  note('before the await')
  await b.run('run', async () => {
    await span('deep', later)
    note('after a span')
    span('deep', () => a.enterWith('deep'))
    await later()
    note('after an await')
  })
  note('out of run')
})
note('awaited')
try {
  b.run('thrown in', () => span('throws', () => { a.enterWith('thrown'); throw new Error('expected') }))
} catch {
  note('caught')
}
const bound = span('binds', () => AsyncResource.bind(() => (note('bound'), span('in bound', () => note('span in bound')))))
a.run('elsewhere', bound)
span('disabled', () => {
  a.disable()
  note('disabled')
  a.run('enabled', () => span('enabled', () => note('enabled')))
})
note('end')
await a.exit(() => span('exited', async () => { await later(); note('exited') }))
`

it('values of the app are where they are without the agent', async () => {
  const recorded = await record({ app: APP, format: 'esm' })
  const bare = await record({ app: APP, format: 'esm', agent: 'none' })
  expect(recorded.stdout).toBe(bare.stdout)
  expect(bare.stdout.split('\n')).toHaveLength(17)
  const names = new Map(recorded.spans.map((span) => [span.spanId, span.name]))
  const tree = recorded.spans.map((span) => `${names.get(span.parentId ?? '') ?? '-'} > ${span.name}`).toSorted()
  expect(tree).toEqual([
    '- > awaits',
    '- > binds',
    '- > disabled',
    '- > exited',
    '- > outer',
    '- > throws',
    'awaits > deep',
    'awaits > deep',
    'binds > in bound',
    'disabled > enabled',
    'outer > entering',
    'outer > inner',
  ])
})
