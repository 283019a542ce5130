// What a program gives `reward()`, right and wrong: the app goes on, and only what is a number is recorded.
import { expect, it } from 'vitest'
import { record } from '../support/record.ts'

it('records numbers, true and false, and nothing that only looks like one', async () => {
  const { status, stderr, stdout, events, spans } = await record({
    app: `import { reward, span } from '@perf/agent/api'
const values = { half: 0.5, yes: true, no: false, empty: '', list: [], text: 'many', date: new Date(5), nothing: null, symbol: Symbol('x'), endless: Infinity }
span('root', () => {
  for (const [option, value] of Object.entries(values)) reward({ option, value })
  reward({ option: 'no span', value: 1, span: null })
  reward(undefined)
  reward({ get option() { throw new Error('of the app') }, value: 1 })
})
console.log('done')
`,
  })
  expect([status, stderr, stdout]).toEqual([0, '', 'done\n'])
  const [root] = spans
  expect(spans.map(({ name }) => name)).toEqual(['root'])
  expect(
    events.map(({ spanId, attributes }) => [spanId, attributes['perf.reward.option'], attributes['gen_ai.evaluation.score.value']]),
  ).toEqual([
    [root?.spanId, 'half', 0.5],
    [root?.spanId, 'yes', 1],
    [root?.spanId, 'no', 0],
    [root?.spanId, 'no span', 1],
  ])
})
