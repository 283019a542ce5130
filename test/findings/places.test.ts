import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import bottleneck from '../../src/analysis/findings/bottleneck.ts'
import repeatedCall from '../../src/analysis/findings/repeated-call.ts'
import slowQuery from '../../src/analysis/findings/slow-query.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const VARIANTS = [
  `INSERT INTO store.variants (variant, name, file, line) VALUES ('aa', 'prices', '/app/src/prices.js', 7), ('bb', 'search', '/app/src/search.js', 3)`,
]

/** A tool that asks a database, below one that is no part of it. */
const trace: Node = {
  name: 'GET /prices', layer: 'http', ms: [0, 900],
  children: [
    { name: 'search', layer: 'tool', ms: [0, 20], variant: 'bb' },
    {
      name: 'prices', layer: 'tool', ms: [20, 800], variant: 'aa',
      children: [
        { name: 'BEGIN', layer: 'step', ms: [20, 790], children: [{ name: 'SELECT prices', layer: 'db', ms: [30, 780], attributes: { 'db.query.text': 'SELECT * FROM prices' } }] },
      ],
    },
  ],
} // prettier-ignore

describe('where a finding is in the source', () => {
  it('is the recorded function that made the call, however far above it', async () => {
    const reader = await recordingOf([trace, trace, trace], { session: {}, insert: VARIANTS })
    const [found] = await findAll(reader, [slowQuery])
    expect(found?.evidence.places).toEqual([{ file: '/app/src/prices.js', line: 7, function: 'prices' }])
    const [most] = await findAll(reader, [bottleneck])
    expect(most).toMatchObject({ evidence: { facts: { name: 'SELECT prices' }, places: [{ file: '/app/src/prices.js', line: 7 }] } })
  })

  it('is the function itself where that is what is called', async () => {
    const call = (from: number): Node => ({
      name: 'search', layer: 'tool', ms: [from, from + 30], variant: 'bb', payloads: { 'perf.tool.arguments': '["x"]', 'perf.tool.result': '1' },
    }) // prettier-ignore
    const reader = await recordingOf([{ name: 'job', layer: 'workflow', ms: [0, 200], children: [0, 40, 80, 120].map(call) }], {
      insert: VARIANTS,
    })
    const [found] = await findAll(reader, [repeatedCall])
    expect(found?.evidence.places).toEqual([{ file: '/app/src/search.js', line: 3, function: 'search' }])
  })

  it('stays unknown where no function is recorded', async () => {
    const bare: Node = { ...trace, children: [{ name: 'SELECT prices', layer: 'db', ms: [30, 780], attributes: { 'db.query.text': 'SELECT * FROM prices' } }] } // prettier-ignore
    const reader = await recordingOf([bare, bare, bare], { insert: VARIANTS })
    expect((await findAll(reader, [slowQuery]))[0]?.evidence.places).toEqual([])
  })
})
