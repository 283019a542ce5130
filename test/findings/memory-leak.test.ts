import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import memoryLeak from '../../src/analysis/findings/memory-leak.ts'
import { seeded } from '../support/generate-session.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const MEGABYTE = 1024 * 1024
const SECOND = 1_000_000_000
const request: Node = { name: 'GET /', layer: 'http', ms: [0, 10] }
const START = `(SELECT min(start_ns) FROM store.spans)`

/** A major collection every second for a minute; `after`: bytes it leaves, by its number. */
const collections = (after: (i: number) => number): string[] =>
  Array.from({ length: 60 }, (_, i) => `INSERT INTO store.gc SELECT process, 0, ${START} + ${i}::BIGINT * ${SECOND}, 1000000, 'major', 0, ${Math.round(after(i))} FROM store.processes`) // prettier-ignore
const noise = (): (() => number) => {
  const random = seeded(11)
  return () => (random() - 0.5) * 2 * MEGABYTE
}
const snapshot = (name: string, at: number, classes: Record<string, [count: number, bytes: number]>): string[] =>
  Object.entries(classes).map(
    ([label, [count, bytes]]) =>
      `INSERT INTO store.heap (snapshot, process, time_ns, class, count, self_bytes) SELECT '${name}', process, ${START} + ${at}::BIGINT * ${SECOND}, '${label}', ${count}, ${bytes} FROM store.processes`,
  )

describe('memory-leak', () => {
  it('finds a heap that grows under noise, how much an hour and a request, and when it is full', async () => {
    const wobble = noise()
    // 100 MB, one more every six seconds: 600 MB an hour, 1 MB for six requests, one a second.
    const insert = [
      ...collections((i) => 100 * MEGABYTE + (i * MEGABYTE) / 6 + wobble()),
      `INSERT INTO store.metrics SELECT process, 0, 'perf.memory.heap.limit', ${1000 * MEGABYTE}, 'By', '{}' FROM store.processes`,
    ]
    const [finding, ...more] = await findAll(await recordingOf(Array<Node>(60).fill(request), { insert }), [memoryLeak])
    expect(more).toEqual([])
    expect(finding).toMatchObject({ severity: 'high', evidence: { facts: { classes_grown: null } } })
    expect(finding?.next_command).toBe("PERF_TRIGGERS='growth>20MB:snapshot' node --import @perf/agent app.js")
    const [, hour, each] = /grows ([\d.]+) MB an hour, ([\d.]+) KB per request: a leak\?$/.exec(finding?.title ?? '') ?? []
    expect(Math.abs(Number(hour) / 600 - 1)).toBeLessThan(0.15)
    expect(Math.abs(Number(each) / (1024 / 6) - 1)).toBeLessThan(0.2)
    expect(finding?.evidence.facts['confidence']).toBeGreaterThan(0.99)
    expect(finding?.evidence.facts['hours_to_the_limit']).toBeCloseTo(890 / 600, 0)
  })

  it('names the classes that grew between heap snapshots', async () => {
    const insert = [
      ...collections((i) => 50 * MEGABYTE + i * MEGABYTE),
      ...snapshot('a', 1, { Session: [10, 1000], '(string)': [100, 5000] }),
      ...snapshot('b', 50, { Session: [9010, 901_000], '(string)': [110, 6000] }),
    ]
    const [finding] = await findAll(await recordingOf([request], { insert }), [memoryLeak])
    expect(finding?.evidence.facts['classes_grown']).toBe('Session +9000 (879 KB), (string) +10 (0.977 KB)')
    expect(finding?.next_command).toBe('perf-agent heap diff first last')
    expect(finding?.advice).toContain('`Session` grew most')
  })

  it('is silent about noise, about one step, and about a heap that warms up and then stays', async () => {
    const wobble = noise()
    const silent = [
      (): number => 100 * MEGABYTE + 3 * wobble(),
      (i: number): number => (i === 59 ? 130 : 100) * MEGABYTE + wobble(),
      (i: number): number => Math.min(100, 40 + i * 8) * MEGABYTE + wobble(),
    ]
    for (const after of silent)
      expect(await findAll(await recordingOf([request], { insert: collections(after) }), [memoryLeak])).toEqual([])
  })

  it('is silent where too few collections were measured', async () => {
    const insert = collections((i) => (50 + i) * MEGABYTE).slice(0, 7)
    expect(await findAll(await recordingOf([request], { insert }), [memoryLeak])).toEqual([])
  })
})
