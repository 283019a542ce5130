// pains.md A12–A15: the app's own AsyncLocalStorage is the same with and without the agent, and a span is always where it is.
import { describe, expect, it } from 'vitest'
import { record, type RecordOptions } from '../support/record.ts'

const variants: [string, RecordOptions][] = [
  ['esm', { app: 'test/scenarios/context-patterns.mjs', format: 'esm' }],
  ['cjs', { app: 'test/scenarios/context-patterns.mjs', format: 'cjs' }],
  ['cjs under --require', { app: 'test/scenarios/context-patterns.mjs', format: 'cjs', agent: 'require' }],
  ['esm beside an async hook', { app: 'test/scenarios/context-patterns.mjs', args: ['--hooked'] }],
]

describe.each(variants)('%s', (_name, options) => {
  it('every continuation has the same store in the app, and its spans under the span of that store', async () => {
    const bare = await record({ ...options, agent: 'none' })
    const run = await record(options)
    expect(run.stderr).toBe(bare.stderr)
    expect(run.status).toBe(0)
    expect(sorted(run.stdout)).toEqual(sorted(bare.stdout))

    const byId = new Map(run.spans.map((span) => [span.spanId, span]))
    const probes = run.spans.filter((span) => span.name.startsWith('probe '))
    expect(probes.length).toBe(sorted(run.stdout).filter((entry) => !entry.includes('"exit"')).length)
    // A thread with the agent (made from text: under --require only) answers in the context of who asked; the app's own store does not know.
    const asked = (name: string) => (options.agent === 'require' ? /^probe (worker \d+): reply/.exec(name)?.[1] : undefined)
    const misplaced = probes.filter((probe) => parentName(probe.parentId) !== (asked(probe.name) ?? probe.name.split(' @ ')[1]))
    expect(misplaced.map((probe) => `${probe.name}, below ${parentName(probe.parentId)}`)).toEqual([])

    function parentName(id: string | undefined): string {
      return id === undefined ? 'undefined' : (byId.get(id)?.name ?? 'a span that is not there')
    }
  })
})

/** Two runs of a pattern interleave as they like. */
function sorted(stdout: string): string[] {
  return (JSON.parse(stdout) as unknown[]).map((entry) => JSON.stringify(entry)).sort()
}
