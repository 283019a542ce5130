import definition from '../../src/integrations/nats.ts'
import { testIntegration, type IntegrationSuite } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { nats, runName } from '../support/services.ts'

const kinds = ['mail', 'print', 'ship', 'bill', 'pack', 'sort', 'tax']
const payloads = ['messaging.message.body']
const base = `perf.${runName}`
const stream = `perf-${runName}`

function operation(
  name: string,
  kind: ExpectedSpan['kind'],
  subject: string,
  more: Record<string, ExpectedValue>,
  template = subject,
): ExpectedSpan {
  return {
    name: `${name} ${template}`,
    kind,
    payloads,
    attributes: {
      'messaging.system': 'nats',
      'messaging.operation.name': name,
      'messaging.operation.type': name === 'request' ? 'send' : name,
      'messaging.destination.name': subject,
      'server.address': 'localhost',
      'server.port': nats.port,
      ...(template === subject ? {} : { 'messaging.destination.template': template }),
      ...more,
    },
  }
}

const send = (subject: string, more: Record<string, ExpectedValue> = {}): ExpectedSpan =>
  operation('send', 'producer', `${base}.${subject}`, more)
const request = (subject: string, more: Record<string, ExpectedValue> = {}): ExpectedSpan =>
  operation('request', 'client', `${base}.${subject}`, more)
const process = (subject: string, more: Record<string, ExpectedValue> = {}): ExpectedSpan =>
  operation('process', 'consumer', `${base}.${subject}`, more)
const ordered = (kind: string): ExpectedSpan => ({
  ...send(`orders.${kind}`),
  children: [
    operation('process', 'consumer', `${base}.orders.${kind}`, { 'messaging.consumer.group.name': 'workers' }, `${base}.orders.*`),
  ],
})
const stored = (name: string, ...children: ExpectedSpan[]): ExpectedSpan => ({
  ...send(`stored.${name}`, { 'perf.messaging.jetstream': true }),
  children,
})
const fromStream = (name: string, more: Record<string, ExpectedValue>): ExpectedSpan =>
  process(`stored.${name}`, { 'messaging.consumer.group.name': name, 'perf.messaging.stream': stream, ...more })
const receive = (more: Record<string, ExpectedValue>): ExpectedSpan =>
  operation('receive', 'client', stream, { 'messaging.consumer.group.name': 'pulled', ...more })

/** Codes of `nats` 2, names of errors of 3. */
const suite = (errors: { noResponders: string; payload: string; closed: string; isSplit: boolean }): Omit<IntegrationSuite, 'library'> => ({
  scenario: 'nats',
  service: nats,
  operation: (i) => [ordered(kinds[i % kinds.length] ?? '')],
  expect: {
    headers: [ordered('mail')],
    request: [{ ...request('double'), children: [process('double')] }],
    requestWithInbox: [{ ...request('double'), children: [process('double')] }],
    noResponders: [{ ...request('nobody', { 'error.type': errors.noResponders }), status: 'error' }],
    ignored: [{ ...request('nobody', { 'error.type': errors.noResponders }), status: 'error' }],
    iterated: [0, 1, 2].map(() => ({ ...send('looped'), children: [process('looped')] })),
    rejecting: [{ ...send('rejecting'), children: [{ ...process('rejecting', { 'error.type': 'RangeError' }), status: 'error' }] }],
    large: [send('large')],
    tooLarge: [{ ...send('large', { 'error.type': errors.payload }), status: 'error' }],
    storedAndCalled: [stored('called', fromStream('called', { 'perf.messaging.settled': 'ack' }))],
    storedAndLooped: [
      stored(
        'looped',
        fromStream('looped', { 'perf.messaging.settled': 'nak' }),
        fromStream('looped', { 'perf.messaging.settled': 'ack', 'perf.messaging.redelivered': true }),
      ),
    ],
    storedAndPushed: errors.isSplit ? [stored('pushed', fromStream('pushed', { 'perf.messaging.settled': 'ack' }))] : [],
    storedAndPulled: [stored('pulled'), receive({ 'perf.messaging.stream': stream })],
    closed: [{ ...send('orders.mail', { 'error.type': errors.closed }), status: 'error' }],
  },
})

await testIntegration(definition, {
  ...suite({ noResponders: '503', payload: 'MAX_PAYLOAD_EXCEEDED', closed: 'CONNECTION_CLOSED', isSplit: false }),
  library: 'nats',
  env: { PERF_TEST_RUN: runName, NATS_PACKAGE: 'nats' },
})

await testIntegration(definition, {
  ...suite({ noResponders: 'RequestError', payload: 'InvalidArgumentError', closed: 'ClosedConnectionError', isSplit: true }),
  library: '@nats-io/nats-core',
  modules: ['@nats-io/nats-core', '@nats-io/transport-node', '@nats-io/jetstream'],
  unsupported: ['nats-core', 'jetstream', 'transport-node', 'nkeys', 'nuid'].map((name) => `@nats-io/${name}`),
  env: { PERF_TEST_RUN: runName, NATS_PACKAGE: '@nats-io/transport-node' },
})
