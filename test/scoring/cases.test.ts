import { describe, expect, it } from 'vitest'
import { casesToScore, countCases } from '../../src/analysis/scoring/cases.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const tool = (name: string, i: number): Node => ({ name, layer: 'tool', ms: [i, i + 1], attributes: { 'gen_ai.tool.name': name } })
const chat = (i: number): Node => ({
  name: 'chat m',
  layer: 'ai',
  ms: [i, i + 1],
  attributes: { 'gen_ai.request.model': 'm', 'gen_ai.operation.name': 'chat' },
})
const recording: Node = {
  name: 'job', layer: 'workflow', ms: [0, 1000],
  children: [...Array.from({ length: 300 }, (_, i) => tool('price', i)), ...Array.from({ length: 4 }, (_, i) => chat(500 + i)), tool('search', 600)],
} // prettier-ignore

describe('which calls are scored', () => {
  it('are all, where there are no more than may be', async () => {
    const reader = await recordingOf([recording])
    expect(await countCases(reader)).toBe(305)
    expect((await casesToScore(reader, 305)).ids).toHaveLength(305)
  })

  it('are as many of each tool and model, the same each time, where there are more', async () => {
    const reader = await recordingOf([recording])
    const { ids, total } = await casesToScore(reader, 12)
    expect(total).toBe(305)
    const list = ids.map((id) => `'${id}'`).join(', ')
    const rows = await reader.rows(`SELECT name, count(*) AS n FROM spans WHERE span_id IN (${list}) GROUP BY name ORDER BY name`)
    expect(rows).toEqual([
      { name: 'chat m', n: 4 },
      { name: 'price', n: 7 },
      { name: 'search', n: 1 },
    ])
    expect((await casesToScore(reader, 12)).ids).toEqual(ids)
    // A larger limit adds calls and leaves out none.
    expect((await casesToScore(reader, 40)).ids).toEqual(expect.arrayContaining(ids))
  })
})
