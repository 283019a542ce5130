import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import errorGroup from '../../src/analysis/findings/error-group.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const failing = (id: number): Node => ({
  name: 'POST /chat', layer: 'http', ms: [0, 50], error: '500',
  children: [
    {
      name: 'lookup', layer: 'tool', ms: [1, 40], error: 'TypeError',
      exception: { message: `no order ${id}`, stack: `TypeError: no order ${id}\n    at find (/app/node_modules/orm/x.js:1:1)\n    at lookup (/app/src/tools/lookup.js:12:9)` },
    },
  ],
}) // prettier-ignore

describe('error-group', () => {
  it('groups errors by cause, where they began, numbers aside', async () => {
    const findings = await findAll(
      await recordingOf([failing(1), failing(22), failing(333), { name: 'lookup', layer: 'tool', ms: [0, 5] }]),
      [errorGroup],
    )
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({
      severity: 'high', cost: { calls: 3 },
      evidence: { facts: { tools: ['lookup'], share: 0.75 }, places: [{ file: '/app/src/tools/lookup.js', line: 12, function: 'lookup' }] },
    }) // prettier-ignore
    expect(findings[0]?.evidence.facts['first']).not.toBe(findings[0]?.evidence.facts['last'])
  })

  it('keeps different causes apart and is silent without errors', async () => {
    const other: Node = { name: 'lookup', layer: 'tool', ms: [0, 5], error: 'RangeError', exception: { message: 'too far' } }
    const once = await findAll(await recordingOf([failing(1), other]), [errorGroup])
    expect(once.map(({ severity }) => severity)).toEqual(['medium', 'medium'])
    expect(await findAll(await recordingOf([{ name: 'lookup', layer: 'tool', ms: [0, 5] }]), [errorGroup])).toEqual([])
  })
})
