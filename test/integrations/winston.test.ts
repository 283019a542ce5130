import { describe, expect, it } from 'vitest'
import winston from '../../src/integrations/winston.ts'
import { testIntegration } from '../support/conformance.ts'
import { record } from '../support/record.ts'

const between = (name: string) => ({ name, layer: 'function', integration: 'api', kind: 'internal' as const, attributes: {} })

await testIntegration(winston, {
  cannotFail: 'its lines have no span',
  scenario: 'winston',
  library: 'winston',
  becomesOwn: ['Logger.prototype.write', 'Logger.prototype.push'],
  operation: () => [between('step')],
  expect: { levels: [], transports: [], silenced: [], formats: [], children: [], byConsole: [], throwing: [] },
  logs: {
    levels: [
      { level: 'info', message: 'plain' },
      { level: 'warn', message: 'with fields', attributes: { user: 7, tags: ['a', 'b'] } },
      { level: 'error', message: 'by name' },
      { level: 'info', message: 'as an object', attributes: { own: true } },
      { level: 'info', message: 'an object', attributes: { first: 1 } },
    ],
    transports: [
      { level: 'debug', message: 'to one' },
      { level: 'error', message: 'to two' },
    ],
    silenced: [],
    formats: [
      { level: 'info', message: 'hello there', attributes: { street: '***', password: 'REDACTED' } },
      { level: 'warn', message: 'token=REDACTED', attributes: { street: '***' } },
    ],
    children: [
      { level: 'info', message: 'from a child', attributes: { service: 'mail', request: 12 } },
      {
        level: 'error',
        message: expect.stringMatching(/^failed: +it broke$/) as string,
        attributes: { service: 'mail', stack: 'TypeError: it broke' },
      },
    ],
    byConsole: [{ level: 'info', message: 'through the console' }],
    throwing: [],
  },
})

describe('lines of winston', () => {
  const run = (app: string, env: Record<string, string> = {}) => record({ app, packages: ['winston@3.19.0'], env })

  it('belong to the span they were written in, also when a slow transport holds them back', async () => {
    const { logs, spans } = await run(`import winston from 'winston'
import Transport from 'winston-transport'
import { span } from '@perf/agent/api'
let written = 0
class Slow extends Transport { log(info, done) { setTimeout(() => { written++; done() }, 1) } }
const logger = winston.createLogger({ transports: [new Slow()] })
const shared = { message: 'shared' }
for (let i = 0; i < 60; i++) span('request ' + i, () => logger.info('line ' + i))
span('first', () => logger.info(shared))
span('second', () => logger.info(shared))
`)
    const spanOf = (id: unknown) => spans.find((span) => span.spanId === id)?.name
    expect(logs.slice(0, 60).map((line) => spanOf(line['spanId']))).toEqual(Array.from({ length: 60 }, (_, i) => `request ${i}`))
    expect(logs.slice(60).map((line) => line['message'])).toEqual(['shared', 'shared'])
  })

  it('get the ids of their span on request', async () => {
    const { stdout, spans } = await run(
      `import winston from 'winston'
import { span } from '@perf/agent/api'
const logger = winston.createLogger({ transports: [new winston.transports.Console()] })
logger.info('outside')
span('work', () => logger.warn('inside', { a: 1 }))
`,
      { PERF_LOG_TRACE_IDS: 'true' },
    )
    const [outside, inside] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    const work = spans.find((span) => span.name === 'work')
    expect(outside).toEqual({ level: 'info', message: 'outside' })
    expect(inside).toEqual({ level: 'warn', message: 'inside', a: 1, trace_id: work?.traceId, span_id: work?.spanId, trace_flags: '01' })
  })
})
