import { expect, it } from 'vitest'
import { fromTimeProfile, type TimeNode } from '../../src/profiling/pprof-profile.ts'
import { SpanIdHalves } from '../../src/profiling/span-id-halves.ts'

const node = (name: string, scriptName: string, at: [atUs: number, span?: number][], children: TimeNode[] = []): TimeNode => ({
  name,
  scriptName,
  scriptId: 7,
  lineNumber: 3,
  columnNumber: 5,
  children,
  contexts: at.map(([us, span]) => ({
    timestamp: BigInt(us + OFFSET_US),
    context: span === 1 ? 1 : span === undefined ? undefined : { idHigh: -1, idLow: span },
  })),
})
const OFFSET_US = 1_800_000_000_000_000

it('a profile of @datadog/pprof becomes one of V8, with the changes of span between its samples', () => {
  const inner = node('inner', '/app/my file.cjs', [[50, 2], [20, 1], [30, 1]]) // prettier-ignore
  const outer = node('outer', 'file:///app/b.mjs', [[40, 2]], [inner])
  const root = node('', 'node:internal/main/run_main_module', [], [outer, node('(idle)', '', [[60]])])
  const halves = new SpanIdHalves()
  expect(halves.holds(-1, 1)).toBe(true)
  const { profile, switches } = fromTimeProfile({ startTime: 10, endTime: 70, topDownRoot: root }, OFFSET_US, halves)
  expect(profile).toMatchObject({ startTime: 10, endTime: 70, samples: [3, 3, 2, 3, 4], timeDeltas: [10, 10, 10, 10, 10] })
  expect(profile.nodes.map(({ id, callFrame, children }) => [id, callFrame.functionName, callFrame.url, children])).toEqual([
    [1, '(root)', '', [2, 4]],
    [2, 'outer', 'file:///app/b.mjs', [3]],
    [3, 'inner', 'file:///app/my%20file.cjs', undefined],
    [4, '(idle)', '', undefined],
  ])
  expect(profile.nodes[2]?.callFrame).toMatchObject({ scriptId: '7', lineNumber: 2, columnNumber: 4 })
  const view = new DataView(switches.buffer, switches.byteOffset, switches.byteLength)
  const entries = Array.from({ length: switches.byteLength / 16 }, (_, i) => [
    view.getFloat64(i * 16, true),
    view.getInt32(i * 16 + 8, true),
    view.getInt32(i * 16 + 12, true),
  ])
  expect(entries).toEqual([
    [20_000, 1, -1],
    [40_000, 2, -1],
    [60_000, 0, 0],
  ])
})
