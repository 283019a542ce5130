import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import errorGroup from '../../src/analysis/findings/error-group.ts'
import throttledCalls from '../../src/analysis/findings/throttled-calls.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const call = (error?: string, attributes = {}): Node => ({
  name: 'chat gpt-4o', layer: 'ai', kind: 'client', ms: [0, 100], attributes, ...(error === undefined ? {} : { error }),
}) // prettier-ignore

describe('throttled-calls', () => {
  it('finds calls that were limited, timed out or were sent again', async () => {
    const calls = [
      call('429'),
      call('429'),
      call('429'),
      call('APIConnectionTimeoutError'),
      call(undefined, { 'http.request.resend_count': 2 }),
      call(),
    ]
    const findings = await findAll(await recordingOf(calls), [throttledCalls])
    expect(findings.map(({ title, severity }) => [title, severity])).toEqual([
      ['chat gpt-4o was refused with 429 (too many requests) 3 of 6 times', 'high'],
      expect.arrayContaining([expect.stringMatching(/(timed out|had to be sent again) 1 of 6 times/)]),
      expect.arrayContaining([expect.stringMatching(/(timed out|had to be sent again) 1 of 6 times/)]),
    ])
  })

  it('is silent about calls that went well or failed otherwise', async () => {
    expect(await findAll(await recordingOf([call(), call('500')]), [throttledCalls])).toEqual([])
  })

  it('names the host of requests, and no error group says the same again', async () => {
    const ask = (host: string, error?: string): Node => ({
      name: 'GET', layer: 'http', kind: 'client', ms: [0, 60], attributes: { 'http.request.method': 'GET', 'url.full': `http://${host}/x/7` },
      ...(error === undefined ? {} : { error }),
    }) // prettier-ignore
    const calls = [ask('a.shop', 'TimeoutError'), ask('a.shop'), ask('b.shop', '429'), ask('b.shop', '503'), ask('b.shop')]
    const findings = await findAll(await recordingOf(calls), [throttledCalls, errorGroup])
    expect(findings.map(({ title }) => title).sort()).toEqual([
      'GET a.shop timed out 1 of 2 times',
      'GET b.shop fails with 503 (1 of 3)',
      'GET b.shop was refused with 429 (too many requests) 1 of 3 times',
    ])
  })

  it('names the AI call, not its requests, and counts a refusal once', async () => {
    const limited = { name: 'POST', layer: 'http', kind: 'client', ms: [1, 20], error: '429' } as const
    const ok = { name: 'POST', layer: 'http', kind: 'client', ms: [30, 90], attributes: { 'http.request.resend_count': 1 } } as const
    const reader = await recordingOf([{ ...call(), children: [limited, ok] }, { ...call('429'), children: [limited] }, call()])
    expect((await findAll(reader, [throttledCalls])).map(({ title }) => title).sort()).toEqual([
      'chat gpt-4o had to be sent again 1 of 3 times',
      'chat gpt-4o was refused with 429 (too many requests) 2 of 3 times',
    ])
  })
})
