import amqplib from '../../src/integrations/amqplib.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { rabbitmq, runName } from '../support/services.ts'

const address = { 'messaging.system': 'rabbitmq', 'server.address': 'localhost', 'server.port': rabbitmq.port }
const named = (operation: string, what: string) => ({
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.name': `perf-${what}-${runName}`,
})
const payloads = ['messaging.message.body']
const isTag = (value: unknown): boolean => typeof value === 'number' && value > 0

function sent(what: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  return {
    name: `send perf-${what}-${runName}`,
    kind: 'producer',
    attributes: { ...address, ...named('send', what), ...more },
    payloads,
    ...rest,
  }
}

function processed(
  what: string,
  more: Record<string, ExpectedValue> = {},
  rest: Partial<ExpectedSpan> = {},
  key = `perf-${what}-${runName}`,
): ExpectedSpan {
  const delivery = { 'messaging.rabbitmq.destination.routing_key': key, 'messaging.rabbitmq.message.delivery_tag': isTag }
  const attributes = { ...address, ...named('process', what), ...delivery, ...more }
  return { name: `process perf-${what}-${runName}`, kind: 'consumer', attributes, payloads, ...rest }
}

const settled = (how: string) => ({ 'perf.messaging.settled': how })
const id = (text: string) => ({ 'messaging.message.id': text })
const both = (what: string, more: Record<string, ExpectedValue> = {}): ExpectedSpan =>
  sent(what, more, { children: [processed(what, { ...more, ...settled('ack') })] })
const received = (more: Record<string, ExpectedValue>, rest: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name: `receive perf-pulled-${runName}`,
  kind: 'client',
  attributes: { ...address, ...named('receive', 'pulled'), ...more },
  ...rest,
})

await testIntegration(amqplib, {
  scenario: 'amqplib',
  library: 'amqplib',
  service: rabbitmq,
  env: { PERF_TEST_RUN: runName },
  operation: (i) => [both('orders', id(`m-${i}`))],
  expect: {
    promise: [both('orders', { ...id('one'), 'messaging.message.conversation_id': 'c-1' })],
    exchange: [
      sent(
        'events',
        { 'messaging.rabbitmq.destination.routing_key': 'order.created' },
        { children: ['mail', 'audit'].map((queue) => processed(queue, {}, {}, 'order.created')) },
      ),
    ],
    confirmed: [both('orders', id('confirmed')), sent('silent')],
    pulled: [
      received({ 'messaging.batch.message_count': 0 }),
      sent('pulled', id('pulled')),
      received(
        {
          ...id('pulled'),
          'messaging.rabbitmq.destination.routing_key': `perf-pulled-${runName}`,
          'messaging.rabbitmq.message.delivery_tag': isTag,
        },
        { payloads },
      ),
    ],
    redelivered: [
      sent(
        'again',
        {},
        {
          children: [
            processed('again', { ...settled('nack'), 'perf.messaging.requeued': true }),
            processed('again', { ...settled('reject'), 'perf.messaging.requeued': false, 'perf.messaging.redelivered': true }),
          ],
        },
      ),
    ],
    acknowledgedLater: [both('late')],
    acknowledgedTogether: [0, 1, 2].map((i) => both('many', id(`many-${i}`))),
    throwing: [sent('throwing', {}, { children: [processed('throwing', { 'error.type': 'RangeError' }, { status: 'error' })] })],
    rejecting: [sent('rejecting', {}, { children: [processed('rejecting', { 'error.type': 'TypeError' }, { status: 'error' })] })],
    closed: [sent('silent', { 'error.type': 'IllegalOperationError' }, { status: 'error' })],
    withoutSender: [sent('orders', id('stranger'))],
    callbackApi: [received({}, { name: `receive perf-callbacks-${runName}`, attributes: undefined }), both('callbacks')],
  },
})
