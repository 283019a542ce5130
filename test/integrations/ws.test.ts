import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import ws from '../../src/integrations/ws.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'

const connection = (side: string, code: number, received: number, sent: number, more: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name: 'websocket connection',
  kind: 'internal',
  ...more,
  attributes: {
    'network.protocol.name': 'websocket',
    'perf.websocket.side': side,
    'perf.websocket.close_code': code,
    'perf.websocket.messages_received': received,
    'perf.websocket.messages_sent': sent,
    ...more.attributes,
  },
})
const failed = (type: ExpectedValue): Partial<ExpectedSpan> => ({ status: 'error', attributes: { 'error.type': type } })

const message = (size: ExpectedValue, type = 'text', children: ExpectedSpan[] = []): ExpectedSpan => ({
  name: 'websocket receive',
  kind: 'consumer',
  layer: 'messaging',
  attributes: { 'network.protocol.name': 'websocket', 'perf.websocket.message_type': type, 'messaging.message.body.size': size },
  children,
})
const heard: ExpectedSpan = { name: 'on client message', kind: 'internal', layer: 'function', integration: 'api', attributes: undefined }

// Without the HTTP integrations the server's side of a connection begins a trace of its own; here is the client's.
await testIntegration(ws, {
  scenario: 'ws',
  library: 'ws',
  operation: (i) => [connection('client', 1000, 1, 1), message(1 + (i % 7), 'binary')],
  becomesOwn: ['WebSocket.prototype.emit', 'default.prototype.emit', 'prototype.emit'],
  expect: {
    text: [connection('client', 1000, 1, 1), message((size) => Number(size) > 5)],
    binary: [connection('client', 1005, 1, 1), message(300, 'binary')],
    listeners: [connection('client', 1000, 1, 1), message(6, 'text', [heard])],
    many: [connection('client', 1000, 0, 500)],
    unheard: [connection('client', 1001, 1, 0)],
    refused: [connection('client', 1011, 0, 0, failed('1011'))],
    terminated: [connection('client', 1006, 0, 0)],
    invalid: [connection('client', 1002, 0, 0, failed('1002'))],
    notFound: [],
  },
})

describe.each(versionsFor('ws', nodeMajor()).flatMap((version) => (['esm', 'cjs'] as const).map((format) => ({ version, format }))))(
  'ws $version beside http ($format)',
  ({ version, format }) => {
    it('makes a trace of each message to a server, linked to its connection, which hangs below the request that opened it', async () => {
      const run = await record({
        app: `import { setup, teardown, text, many } from './scenario.js'
async function main() {
  await setup()
  await text()
  await many()
  await teardown()
}
void main()`,
        files: { 'scenario.js': readFileSync('test/scenarios/ws.mjs', 'utf8') },
        format,
        packages: [`ws@${version}`],
      })
      const named = (name: string) => run.spans.filter((span) => span.name === name)
      const servers = named('websocket connection').filter((span) => span.attributes['perf.websocket.side'] === 'server')
      const requests = run.spans.filter((span) => span.kind === 'server')
      expect(servers.map((span) => span.parentId)).toEqual(requests.map((span) => span.spanId))
      const messages = named('websocket receive').filter((span) => span.parentId === undefined)
      expect(messages.length).toBeGreaterThan(50)
      expect(messages.length).toBeLessThanOrEqual(1 + 50 * (2 + Math.floor(run.durationMs / 1000)))
      expect(servers.map((span) => span.attributes['perf.websocket.messages_received'])).toEqual([1, 500])
      const [first] = messages
      expect(run.spans.filter((span) => span.parentId === first?.spanId).map((span) => span.name)).toEqual(['handler'])
      expect(new Set(messages.map((span) => span.traceId)).size).toBe(messages.length)
      for (const span of messages) {
        const links = run.links.filter((link) => link.spanId === span.spanId).map((link) => link.linkedSpanId)
        expect(servers.map((one) => one.spanId)).toEqual(expect.arrayContaining(links))
        expect(links).toHaveLength(1)
      }
      expect([run.faults, run.spans.filter((span) => span.open)]).toEqual([[], []])
    })
  },
)
