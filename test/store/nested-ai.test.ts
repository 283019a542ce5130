// A framework's AI span around the SDK's: one call, its tokens and its cost once.
import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import throttledCalls from '../../src/analysis/findings/throttled-calls.ts'
import { aiByModel, buildReport } from '../../src/analysis/report.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const USAGE = { 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 20 }
const chat = (name: string, more: Partial<Node> & { usage?: boolean } = {}): Node => {
  const { usage = true, ...node } = more
  return {
    name: `chat ${name}`, layer: 'ai', ms: [1, 9],
    attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o-mini', ...(usage ? USAGE : {}) },
    ...node,
  } // prettier-ignore
}
const within = (name: string, layer: string, children: readonly Node[]): Node => ({ name, layer, kind: 'internal', ms: [0, 10], children })
const counted = async (...children: Node[]): Promise<[names: string[], tokens: number | null]> => {
  const reader = await recordingOf([within('root', 'function', children)])
  const rows = await reader.rows<{ name: string; input_tokens: number | null }>('SELECT name, input_tokens FROM ai_calls ORDER BY name')
  const tokens = rows.filter((row) => row.input_tokens !== null).reduce((sum, row) => sum + Number(row.input_tokens), 0)
  return [rows.map((row) => row.name.slice(5)), tokens]
}

describe('AI spans inside each other', () => {
  it('count once, at the innermost with usage', async () => {
    expect(await counted(chat('outer', { children: [chat('inner')] }))).toEqual([['inner'], 100])
    expect(await counted(chat('outer', { children: [chat('middle', { children: [chat('inner')] })] }))).toEqual([['inner'], 100])
    expect(await counted(chat('outer', { usage: false, children: [chat('inner')] }))).toEqual([['inner'], 100])
    expect(await counted(chat('outer', { children: [within('POST', 'http', [chat('inner')])] }))).toEqual([['inner'], 100])
  })
  it('count at the outer one where only that knows the usage', async () => {
    expect(await counted(chat('outer', { children: [chat('inner', { usage: false })] }))).toEqual([['outer'], 100])
    expect(await counted(chat('outer', { usage: false, children: [chat('inner', { usage: false })] }))).toEqual([['inner'], 0])
  })
  it('keep every attempt of a call', async () => {
    const outer = chat('outer', { children: [chat('first', { usage: false, error: '429' }), chat('second')] })
    expect(await counted(outer)).toEqual([['first', 'second'], 100])
  })
  it('are calls of their own below a tool, an agent or another kind of call', async () => {
    expect(await counted(chat('outer', { children: [within('lookup', 'tool', [chat('inner')])] }))).toEqual([['inner', 'outer'], 200])
    expect(await counted(chat('outer', { children: [within('invoke_agent', 'workflow', [chat('inner')])] }))).toEqual([
      ['inner', 'outer'],
      200,
    ])
    const embeddings = chat('inner', { attributes: { 'gen_ai.operation.name': 'embeddings', 'gen_ai.request.model': 'e', ...USAGE } })
    expect(await counted(chat('outer', { children: [embeddings] }))).toEqual([['inner', 'outer'], 200])
  })
  it('stand once in the report and in findings, and both in the trace', async () => {
    const limited = { error: '429', usage: false }
    const traces = Array.from({ length: 6 }, (_, i) =>
      within('root', 'function', [
        i < 3 ? chat('m', { ...limited, children: [chat('m', limited)] }) : chat('m', { children: [chat('m')] }),
      ]),
    )
    const reader = await recordingOf(traces)
    const report = await buildReport(reader)
    expect(report.totals).toMatchObject({ input_tokens: 300, output_tokens: 60, spans: 18 })
    expect(report.totals.cost_usd).toBeCloseTo(3 * (100 * 0.15 + 20 * 0.6) * 1e-6, 9)
    const [row, ...rest] = await aiByModel(reader, 'true', 10)
    expect([Number(row?.calls), rest]).toEqual([6, []])
    const [finding] = await findAll(reader, [throttledCalls])
    expect(finding).toMatchObject({ cost: { calls: 3 }, evidence: { facts: { share: 0.5 } } })
  })
})
