// What `test/scenarios/web-load.js` asked of a server must leave behind.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { repositoryRoot } from './node-under-test.ts'
import type { RecordedSpan } from './read-session.ts'
import type { Recorded } from './record.ts'

/** The file beside a scenario that uses it. */
export const webLoad = { 'web-load.js': readFileSync(path.join(repositoryRoot, 'test', 'scenarios', 'web-load.js'), 'utf8') }

/** Declares the tests; `canary` is what the run had in `CANARY`. */
export function testLoad(run: () => Recorded, canary: string): void {
  /** The span of the request that `span` was made for. */
  const requestOf = (span: RecordedSpan): RecordedSpan | undefined => {
    const parent = run().spans.find(({ spanId, traceId }) => spanId === span.parentId && traceId === span.traceId)
    return parent === undefined || parent.kind === 'server' ? parent : requestOf(parent)
  }
  const isRequest = (span: RecordedSpan, end: RegExp) => span.kind === 'server' && end.test(String(span.attributes['url.path']))

  it('puts what each of 100 concurrent requests over 2 connections does under its own request', () => {
    const held = run().spans.filter((span) => span.name === 'held')
    const places = held.map((span) => [String(span.attributes['id']), requestOf(span)] as const)
    expect(places.map(([id]) => id).sort()).toEqual(['secret', ...Array.from({ length: 100 }, (_, i) => String(i))].sort())
    for (const [id, request] of places) expect(String(request?.attributes['url.path']).endsWith(`/held/${id}`), id).toBe(true)
    expect(new Set(places.map(([, request]) => request?.spanId)).size).toBe(101)
  })

  it('makes the calls of one Promise.all siblings', () => {
    const calls = run().spans.filter((span) => span.name.startsWith('sibling '))
    expect(calls.map((span) => span.name).sort()).toEqual(Array.from({ length: 20 }, (_, i) => `sibling ${i}`).sort())
    expect(new Set(calls.map((span) => span.parentId)).size).toBe(1)
    const [request] = run().spans.filter((span) => isRequest(span, /\/siblings$/))
    expect(calls.map((span) => requestOf(span)?.spanId)).toEqual(calls.map(() => request?.spanId))
  })

  it('writes no secret of headers and query', () => {
    const { perfDir, spans, events, packages, faults, logs, processes } = run()
    const files = readdirSync(perfDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.filter((entry) => readFileSync(path.join(entry.parentPath, entry.name)).includes(canary))).toEqual([])
    expect(JSON.stringify({ spans, events, packages, faults, logs, processes })).not.toContain(canary)
    const queries = spans.filter((span) => isRequest(span, /\/held\/secret$/)).map((span) => span.attributes['url.query'])
    expect(queries).toEqual(['token=REDACTED&page=REDACTED'])
  })
}
