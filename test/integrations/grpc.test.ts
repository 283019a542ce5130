import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import grpc from '../../src/integrations/grpc.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'

const handler: ExpectedSpan = { name: 'handler', kind: 'internal', layer: 'function', integration: 'api', attributes: undefined }
const own = (name: string): ExpectedSpan => ({ ...handler, name })

function side(kind: 'client' | 'server', method: string, status: string, more: Partial<ExpectedSpan>): ExpectedSpan {
  const peer: Record<string, ExpectedValue> =
    kind === 'client' ? { 'server.address': '127.0.0.1', 'server.port': (port) => Number(port) > 0 } : {}
  const error: Record<string, ExpectedValue> = more.status === 'error' ? { 'error.type': status } : {}
  const named = { 'rpc.system.name': 'grpc', 'rpc.service': 'test.Shop', 'rpc.method': `test.Shop/${method}` }
  const attributes = { ...named, 'rpc.response.status_code': status, ...peer, ...error }
  return { name: `test.Shop/${method}`, kind, ...more, attributes }
}

/** A call with the server's side below the client's. */
function call(
  method: string,
  children: ExpectedSpan[] = [],
  status = 'OK',
  isClientError = false,
  isServerError = isClientError,
): ExpectedSpan {
  const server = side('server', method, status, { children, ...(isServerError ? { status: 'error' } : {}) })
  return side('client', method, status, { children: [server], ...(isClientError ? { status: 'error' } : {}) })
}

const get = call('Get', [handler])

await testIntegration(grpc, {
  scenario: 'grpc',
  library: '@grpc/grpc-js',
  operation: () => [get],
  expect: {
    unary: [get],
    callback: [get, own('in callback')],
    notFound: [call('Get', [], 'NOT_FOUND', true, false)],
    internal: [call('Get', [], 'INTERNAL', true)],
    deadline: [side('client', 'Get', 'DEADLINE_EXCEEDED', { status: 'error', children: undefined })],
    canceled: [side('client', 'Get', 'CANCELLED', { children: undefined })],
    clientStream: [call('Sum', [own('on data'), own('on data'), own('on data')])],
    serverStream: [call('List')],
    serverStreamEvents: [
      side('client', 'List', 'OK', { children: [side('server', 'List', 'OK', { children: [] }), own('on client data')] }),
    ],
    serverStreamFails: [call('List', [], 'RESOURCE_EXHAUSTED', true, false)],
    serverStreamCanceled: [call('List', [], 'CANCELLED')],
    bidi: [call('Chat')],
    unimplemented: [side('client', 'Nothing', 'UNIMPLEMENTED', { status: 'error' })],
    context: [side('client', 'Get', 'OK', {})],
  },
})

describe.each(versionsFor('@grpc/grpc-js', nodeMajor()))('grpc %s beside http2', (version) => {
  it('is one span on either side, not one more for the stream it goes over', async () => {
    const run = await record({
      app: `import { setup, teardown, unary, clientStream } from './scenario.mjs'
async function main() {
  await setup()
  await unary()
  await clientStream()
  await teardown()
}
void main()`,
      files: { 'scenario.mjs': readFileSync('test/scenarios/grpc.mjs', 'utf8') },
      packages: [`@grpc/grpc-js@${version}`],
    })
    const kinds = run.spans.filter((span) => span.layer === 'http').map((span) => `${span.integration} ${span.kind}`)
    expect(kinds.sort()).toEqual(['grpc client', 'grpc client', 'grpc server', 'grpc server'])
    expect(run.faults).toEqual([])
  })
})
