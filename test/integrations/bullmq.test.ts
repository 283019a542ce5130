import bullmq from '../../src/integrations/bullmq.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { redis, runName } from '../support/services.ts'

const isCount = (value: unknown): boolean => typeof value === 'number' && value >= 0
const isId = (value: unknown): boolean => typeof value === 'string' && value !== ''
const payloads = ['messaging.message.body']

function operation(
  kind: 'producer' | 'consumer',
  job: string | undefined,
  more: Record<string, ExpectedValue>,
  queue: string,
): ExpectedSpan {
  const name = kind === 'producer' ? 'send' : 'process'
  const attributes: Record<string, ExpectedValue> = {
    'messaging.system': 'bullmq',
    'messaging.operation.name': name,
    'messaging.operation.type': name,
    'messaging.destination.name': queue,
    'server.address': redis.host,
    'server.port': redis.port,
    ...more,
  }
  if (job !== undefined) attributes['perf.job.name'] = job
  return { name: `${name} ${queue}`, kind, attributes, payloads }
}

const id = { 'messaging.message.id': isId }
const sent = (job: string | undefined, more: Record<string, ExpectedValue>, rest: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  ...operation('producer', job, more, 'orders'),
  ...rest,
})
const processed = (
  job: string,
  more: Record<string, ExpectedValue> = {},
  rest: Partial<ExpectedSpan> = {},
  queue = 'orders',
): ExpectedSpan => ({
  ...operation('consumer', job, { ...id, 'perf.job.attempt': 1, 'perf.job.wait_ms': isCount, ...more }, queue),
  ...rest,
})
const thrown: [Record<string, ExpectedValue>, Partial<ExpectedSpan>] = [{ 'error.type': 'RangeError' }, { status: 'error' }]
const attempts = (count: number) => ({ 'perf.job.max_attempts': count })
const noAttempts = { 'perf.job.max_attempts': 0 }

await testIntegration(bullmq, {
  scenario: 'bullmq',
  library: 'bullmq',
  service: redis,
  env: { PERF_TEST_RUN: runName },
  operation: (i) => [sent(`job-${i}`, id, { children: [processed(`job-${i}`, noAttempts)] })],
  expect: {
    promise: [sent('mail', { ...id, ...attempts(3) }, { children: [processed('mail', attempts(3))] })],
    bulk: [sent('mail', { 'messaging.batch.message_count': 3 }, { children: [1, 2, 3].map(() => processed('mail', noAttempts)) })],
    flow: [
      sent(
        'ship',
        { ...id, 'messaging.batch.message_count': 2 },
        { children: [processed('pack', noAttempts, {}, 'parts'), processed('ship', noAttempts)] },
      ),
    ],
    flowsInBulk: [sent('ship', { 'messaging.batch.message_count': 1 }, { children: [processed('ship', noAttempts)] })],
    retried: [
      sent(
        'mail',
        { ...id, ...attempts(2) },
        {
          children: [
            processed('mail', { ...attempts(2), ...thrown[0] }, thrown[1]),
            processed('mail', { ...attempts(2), 'perf.job.attempt': 2 }),
          ],
        },
      ),
    ],
    failed: [sent('mail', id, { children: [processed('mail', { ...noAttempts, ...thrown[0] }, thrown[1])] })],
    delayed: [
      sent('mail', { ...id, 'perf.job.delay_ms': 5 }, { children: [processed('mail', { ...noAttempts, 'perf.job.delay_ms': 5 })] }),
    ],
    omitted: [sent('mail', id)],
    wrongUse: [sent('mail', { 'error.type': 'Error' }, { status: 'error' })],
  },
})
