import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import failingTool from '../../src/analysis/findings/failing-tool.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const calls = (failed: number, all: number): Node[] =>
  Array.from({ length: all }, (_, i) => ({
    name: 'search',
    layer: 'tool',
    ms: [0, 10] as const,
    ...(i < failed ? { error: 'Error' } : {}),
  }))

describe('failing-tool', () => {
  it('finds a tool that fails often', async () => {
    expect(await findAll(await recordingOf(calls(3, 10)), [failingTool])).toMatchObject([
      { severity: 'high', title: 'Tool search fails in 3 of 10 calls', cost: { calls: 3, total_ms: 30 } },
    ])
  })

  it('is silent about a rare failure', async () => {
    expect(await findAll(await recordingOf(calls(1, 30)), [failingTool])).toEqual([])
  })
})
