// Where an error was thrown is recorded: frames of its stack, not the message that stands above them.
import { describe, expect, it } from 'vitest'
import { record } from '../support/record.ts'

const app = (before: string): string => `
import { span } from '@perf/agent/api'
${before}
function thrower() {
  throw new TypeError('the message')
}
try {
  span('failing', thrower)
} catch {}
`

describe('the stack of an error', () => {
  it.each(['esm', 'cjs'] as const)('is recorded (%s)', async (format) => {
    const { events } = await record({ app: app(''), format })
    const stack = String(events[0]?.attributes['exception.stacktrace'])
    expect(stack).toMatch(/^\s+at thrower \(.*app\.js:\d+:\d+\)/)
    expect(stack).not.toContain('the message')
  })

  it('is left alone where the app formats stacks itself', async () => {
    const { events, stdout } = await record({ app: app(`Error.prepareStackTrace = () => (console.log('formatted'), '')`) })
    expect(events[0]?.attributes['exception.type']).toBe('TypeError')
    expect(events[0]?.attributes['exception.stacktrace']).toBeUndefined()
    expect(stdout).toBe('')
  })
})
