// A thenable that works only when it is asked (a query builder) does so inside its span; its caller goes on outside.
import { describe, expect, it } from 'vitest'
import { currentSpan, runWith } from '../../../src/core/context.ts'
import { settlePromise } from '../../../src/core/settle/promise.ts'
import type { Span } from '../../../src/core/span.ts'
import { current, FakeEnding } from './fake-ending.ts'

const caller = { name: 'caller' } as unknown as Span

function lazy(outcome: () => unknown): { seen: unknown[]; then(onFulfilled: unknown, onRejected?: unknown): unknown } {
  const seen: unknown[] = []
  return {
    seen,
    then: (...given: [never, never]) => {
      seen.push(current.getStore())
      return Promise.resolve()
        .then(outcome)
        .then(...given)
    },
  }
}

describe('a lazy thenable', () => {
  it('works inside the span, its caller goes on outside', async () => {
    const ending = new FakeEnding()
    const query = lazy(() => 'rows')
    expect(settlePromise(ending, query)).toBe(query)
    expect([query.seen, ending.ended]).toEqual([[], false])
    const given = await runWith(
      caller,
      async () => [await (query as PromiseLike<unknown>), currentSpan(), current.getStore()],
      undefined,
      [],
    )
    expect(given).toEqual(['rows', caller, undefined])
    expect([query.seen, ending.ended]).toEqual([[ending], true])
  })
  it('gives callbacks the context of whoever passed them, failed or not', async () => {
    const spans: unknown[] = []
    const note = () => spans.push(currentSpan())
    const ask = (outcome: () => unknown) => {
      const query = lazy(outcome)
      settlePromise(new FakeEnding(), query)
      return runWith(caller, () => query.then(note, note) as Promise<unknown>, undefined, [])
    }
    await ask(() => 'rows')
    await ask(() => {
      throw new Error('no rows')
    })
    expect(spans).toEqual([caller, caller])
  })
  it('is asked outside once the span has ended', async () => {
    const query = lazy(() => 'rows')
    settlePromise(new FakeEnding(), query)
    await (query as PromiseLike<unknown>)
    await (query as PromiseLike<unknown>)
    expect(query.seen[1]).toBeUndefined()
  })
})
