import { expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import nPlusOne from '../../src/analysis/findings/n-plus-one.ts'
import { measure } from '../../src/analysis/queue/measure.ts'
import { subjectOfFinding } from '../../src/analysis/queue/subject.ts'
import { recordingOf, type Node } from '../support/recording.ts'

it('tells the parent that makes the calls from others of its name', async () => {
  const get = (kind: 'client' | 'server', ms: readonly [number, number], children: Node[] = []): Node => ({
    name: 'GET',
    layer: 'http',
    kind,
    ms,
    children,
  })
  const asked = Array.from({ length: 12 }, (_, i) => get('client', [10 + i * 10, 19 + i * 10], [get('server', [11 + i * 10, 18 + i * 10])]))
  const reader = await recordingOf([1, 2, 3].map(() => get('client', [0, 150], [get('server', [5, 145], asked)])))
  const [finding] = await findAll(reader, [nPlusOne])
  if (finding === undefined) throw new Error('no finding')
  const subject = await subjectOfFinding(reader, finding)
  expect(subject).toEqual({ of: 'spans', where: { name: 'GET', layer: 'http', kind: 'server' }, measure: 'duration_ms' })
  // The served requests: three that make the calls, and the twelve below each of them.
  expect(subject === null ? 0 : (await measure(reader, subject)).calls).toBe(3 + 36)
})
