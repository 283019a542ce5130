import { describe, expect, it } from 'vitest'
import pino from '../../src/integrations/pino.ts'
import { testIntegration } from '../support/conformance.ts'
import { record } from '../support/record.ts'

const failure = { type: 'TypeError', message: 'it broke', stack: 'TypeError: it broke', code: 'E_BROKE' }

await testIntegration(pino, {
  cannotFail: 'its lines have no span',
  scenario: 'pino',
  library: 'pino',
  operation: () => [{ name: 'step', layer: 'function', integration: 'api', kind: 'internal', attributes: {} }],
  expect: { levels: [], children: [], errors: [], redacted: [], unusual: [], throwing: [] },
  logs: {
    levels: [
      { level: 'info', message: 'plain' },
      { level: 'warn', message: 'with text and 3', attributes: { user: 7, tags: ['a', 'b'] } },
      { level: 'info', message: '', attributes: { only: 'fields' } },
      { level: 'fatal', message: 'worst' },
    ],
    children: [
      { level: 'info', message: 'from a child', attributes: { component: 'mail' } },
      { level: 'error', message: 'from its child', attributes: { component: 'mail', deeper: true, own: 1 } },
    ],
    errors: [
      { level: 'error', message: 'it broke', attributes: { err: failure } },
      { level: 'error', message: 'an order failed', attributes: { err: failure, order: 12 } },
    ],
    redacted: [
      {
        level: 'info',
        message: 'token=REDACTED',
        attributes: { severity: 'info', mixed: true, street: '[Redacted]', city: 'Ulm', password: 'REDACTED' },
      },
    ],
    unusual: [
      { level: 'audit', message: 'looked', attributes: { who: 'me' } },
      { level: 'info', message: '' },
      { level: 'info', message: 'null first' },
      { level: 'info', message: 'a getter', attributes: { counted: 1 } },
      { level: 'info', message: 'nested', attributes: { payload: { deep: { er: [1, { and: 'deeper' }] } } } },
    ],
    throwing: [],
  },
})

describe('ids in the lines of pino', () => {
  const app = `import { pino } from 'pino'
import { span } from '@perf/agent/api'
const logger = pino({ base: null, timestamp: () => '' })
logger.info('outside')
span('work', () => { logger.info({ a: 1 }, 'inside'); logger.error(new Error('bad').message) })
`
  const run = (env: Record<string, string>) => record({ app, packages: ['pino@10.4.0'], env })

  it('are there on request, those of the span', async () => {
    const { stdout, spans } = await run({ PERF_LOG_TRACE_IDS: 'true' })
    const [outside, ...inside] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const work = spans.find((span) => span.name === 'work')
    const ids = { trace_id: work?.traceId, span_id: work?.spanId, trace_flags: '01' }
    expect(outside).toEqual({ level: 30, msg: 'outside' })
    expect(inside).toEqual([
      { level: 30, a: 1, msg: 'inside', ...ids },
      { level: 50, msg: 'bad', ...ids },
    ])
  })
  it('are not there otherwise', async () => {
    expect((await run({})).stdout).toBe('{"level":30,"msg":"outside"}\n{"level":30,"a":1,"msg":"inside"}\n{"level":50,"msg":"bad"}\n')
  })
})
