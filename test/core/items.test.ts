// Values of an async iterator, each recorded while the app has it.
import { describe, expect, it } from 'vitest'
import { target, type Target } from '../../src/core/integration.ts'
import { wrapItems } from '../../src/core/items.ts'
import type { Runtime } from '../../src/core/runtime.ts'

const log: string[] = []
const recorder = {
  start: (name: string) => {
    log.push(`start ${name}`)
    return { ended: false, trace: {}, name }
  },
  end: (span: { name: string }) => log.push(`end ${span.name}`),
}
const runtime = { recorder, recording: true, fault: '', allowsPropagation: () => false, propagatesMessages: true } as unknown as Runtime
const item = target<{ args: [value: number] }>({
  path: 'iterate',
  items: true,
  versions: '*',
  settles: 'observed',
  start: ({ args: [value] }) => (value === 2 ? undefined : { name: `item ${value}` }),
}) as unknown as Target<{ self: unknown; args: unknown[]; result: unknown }>

const iterate = wrapItems(
  async function* (end: unknown) {
    for (let i = 1; i < 4; i++) yield await Promise.resolve(i)
    if (end === 'fail') throw new RangeError('no more')
  } as unknown as (...args: unknown[]) => unknown,
  item,
  'messaging',
  'lib',
  { name: 'lib', version: '1.0.0' },
  runtime,
) as (end?: string) => AsyncGenerator<number>

describe('wrapItems', () => {
  it('records each value until the next is asked for', async () => {
    log.length = 0
    for await (const value of iterate()) log.push(`body ${value}`)
    expect(log).toEqual(['start item 1', 'body 1', 'end item 1', 'body 2', 'start item 3', 'body 3', 'end item 3'])
  })
  it('ends with a loop that is left', async () => {
    log.length = 0
    for await (const value of iterate()) {
      log.push(`body ${value}`)
      break
    }
    expect(log).toEqual(['start item 1', 'body 1', 'end item 1'])
  })
  it('hands the error of the iterator on', async () => {
    const run = async () => {
      for await (const value of iterate('fail')) void value
    }
    await expect(run()).rejects.toThrow(new RangeError('no more'))
  })
})
