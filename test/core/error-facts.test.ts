import { describe, expect, it } from 'vitest'
import { errorMessage, errorType } from '../../src/core/error-facts.ts'

describe('what is recorded of an error', () => {
  it('is name and message of a DOMException: a time limit is told from an abort', async () => {
    const timeout = AbortSignal.timeout(1)
    await new Promise((resolve) => timeout.addEventListener('abort', resolve, { once: true }))
    expect(errorType(timeout.reason)).toBe('TimeoutError')
    expect(errorMessage(timeout.reason as object)).toContain('timeout')
    const aborted = AbortSignal.abort().reason as object
    expect([errorType(aborted), errorMessage(aborted)]).toEqual(['AbortError', 'This operation was aborted'])
  })

  it('is the class name, the name it was given, or what was thrown instead of an error', () => {
    class PaymentError extends Error {}
    expect(errorType(new PaymentError('no'))).toBe('PaymentError')
    expect(errorType(new TypeError('no'))).toBe('TypeError')
    expect(errorType(Object.assign(new Error('no'), { name: 'LimitError' }))).toBe('LimitError')
    expect([errorType('text'), errorType(undefined), errorType({})]).toEqual(['string', '_OTHER', '_OTHER'])
  })

  it('is what an object says that only looks like a DOMException', () => {
    const error = Object.create(DOMException.prototype) as Error
    expect([errorType(error), errorMessage(error)]).toEqual(['DOMException', ''])
  })

  it('runs no getter of the app', () => {
    let ran = 0
    class Curious extends Error {
      override get message(): string {
        return `${++ran}`
      }
      override get name(): string {
        return `${++ran}`
      }
    }
    const error = new Curious()
    expect([errorType(error), errorMessage(error), ran]).toEqual(['Curious', '', 0])
  })
})
