import mqtt from '../../src/integrations/mqtt.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { mosquitto, runName } from '../support/services.ts'

const kinds = ['mail', 'print', 'ship', 'bill', 'pack', 'sort', 'tax']
const base = `perf/${runName}`

function operation(kind: 'producer' | 'consumer', topic: string, qos: number, more: Record<string, ExpectedValue> = {}): ExpectedSpan {
  const name = kind === 'producer' ? 'send' : 'process'
  const template = `${base}/${topic.replace(/\d+/, '{id}')}`
  return {
    name: `${name} ${template}`,
    kind,
    payloads: ['messaging.message.body'],
    attributes: {
      'messaging.system': 'mqtt',
      'messaging.operation.name': name,
      'messaging.operation.type': name,
      'messaging.destination.name': `${base}/${topic}`,
      ...(template === `${base}/${topic}` ? {} : { 'messaging.destination.template': template }),
      'messaging.client.id': `perf-${runName}-new`,
      'network.protocol.version': '5',
      'server.address': 'localhost',
      'server.port': mosquitto.port,
      'perf.messaging.qos': qos,
      ...more,
    },
  }
}

const both = (topic: string, qos = 0): ExpectedSpan => ({
  ...operation('producer', topic, qos),
  children: [operation('consumer', topic, qos)],
})
const later: ExpectedSpan = { name: 'later work', layer: 'function', integration: 'api', kind: 'internal', attributes: {} }

await testIntegration(mqtt, {
  scenario: 'mqtt',
  library: 'mqtt',
  service: mosquitto,
  env: { PERF_TEST_RUN: runName },
  operation: (i) => [both(`orders/${kinds[i % kinds.length]}`, 1)],
  expect: {
    callback: [both('orders/mail')],
    properties: [both('orders/mail')],
    numbered: [both('orders/4711')],
    later: [{ ...operation('producer', 'later', 0), children: [{ ...operation('consumer', 'later', 0), children: [later] }] }],
    oldProtocol: [operation('producer', 'old', 0, { 'messaging.client.id': `perf-${runName}-old`, 'network.protocol.version': '3.1.1' })],
    retained: [operation('producer', 'retained', 2, { 'perf.messaging.retained': true })],
    closed: [
      {
        ...operation('producer', 'orders/mail', 0, { 'messaging.client.id': `perf-${runName}-closed`, 'error.type': 'Error' }),
        status: 'error',
      },
    ],
  },
})
