import { describe, expect, it } from 'vitest'
import { settleBeside } from '../../../src/core/settle/promise.ts'

const ending = () => {
  const outcomes: unknown[] = []
  return { outcomes, end: (outcome: unknown) => void outcomes.push(outcome) }
}

describe('a promise watched beside its taker', () => {
  it('is handed on itself, and its takers run in the order they came', async () => {
    const order: string[] = []
    const promise = Promise.resolve(1)
    const { outcomes, end } = ending()
    expect(settleBeside({ end }, promise)).toBe(promise)
    void promise.then(() => order.push('first'))
    void Promise.resolve().then(() => order.push('second'))
    await promise
    await Promise.resolve()
    expect([order, outcomes]).toEqual([['first', 'second'], [{ ok: true, result: 1 }]])
  })

  it('tells of a rejection, and ends at once with a plain value', async () => {
    const { outcomes, end } = ending()
    const error = new Error('no')
    const promise = Promise.reject(error)
    settleBeside({ end }, promise)
    await expect(promise).rejects.toBe(error)
    expect(settleBeside({ end }, 3)).toBe(3)
    expect(outcomes).toEqual([
      { ok: false, error },
      { ok: true, result: 3 },
    ])
  })
})
