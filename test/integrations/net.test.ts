import net from '../../src/integrations/net.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const isPort = (value: unknown): boolean => typeof value === 'number' && value > 0

/** One connection over TCP. */
function connection(more: Record<string, ExpectedValue> = {}, host = '127.0.0.1'): ExpectedSpan {
  const attributes = {
    'network.transport': 'tcp',
    'server.address': host,
    'server.port': isPort,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': isPort,
    ...more,
  }
  return { name: 'tcp.connect', kind: 'client', attributes }
}

const unreached = { 'network.transport': 'tcp', 'server.address': '127.0.0.1', 'server.port': isPort }
const inApp = (name: string): ExpectedSpan => ({ name, kind: 'internal', layer: 'function', integration: 'api', attributes: {} })

await testIntegration(net, {
  scenario: 'net',
  library: 'node:net',
  operation: () => [connection()],
  expect: {
    byPort: [connection()],
    afterItsSpan: [inApp('over')],
    byOptions: [connection()],
    bySocket: [connection()],
    byName: [connection({}, 'localhost')],
    byFile: [
      { name: 'unix.connect', kind: 'client', attributes: { 'network.transport': 'unix', 'server.address': /perf-net-\d+\.sock$/ } },
    ],
    encrypted: [connection({ 'perf.net.tls_ms': (ms) => typeof ms === 'number' && ms > 0 })],
    refused: [{ name: 'tcp.connect', kind: 'client', status: 'error', attributes: { ...unreached, 'error.type': 'ECONNREFUSED' } }],
    aborted: [{ name: 'tcp.connect', kind: 'client', attributes: { ...unreached, 'perf.net.aborted': true } }],
    context: [connection(), inApp('connected'), inApp('closed')],
    twice: [connection(), connection()],
    invalid: [
      {
        name: 'tcp.connect',
        kind: 'client',
        status: 'error',
        attributes: { ...unreached, 'server.address': 'localhost', 'error.type': 'ERR_SOCKET_BAD_PORT' },
      },
    ],
  },
})
