import type { IncomingMessage } from 'node:http'
import { defineIntegration, target } from '../core/integration.ts'
import { setRequestError, setRoute } from '../core/request-route.ts'

interface Reply {
  request: {
    raw: IncomingMessage
    /** Since 4.10. */
    routeOptions?: { url?: string | undefined }
    /** Before, and deprecated since. */
    routerPath?: string | undefined
  }
}

// Every answer goes through `send`: a handler's, a hook's, a failed validation's. The channel `fastify.request.handler` (5) only tells
// of requests that reach their handler, which leaves the route of a 400 unknown.
export default defineIntegration({
  name: 'fastify',
  module: 'fastify',
  kind: 'http',
  records: {
    spans: ['no spans of its own: the route of the request it serves'],
    attributes: [],
    against: 'real servers over loopback',
  },
  inBundle: ['FST_ERR_CTP_ALREADY_PRESENT'],
  targets: [
    target<{ self: Reply; args: [payload: unknown] }>({
      file: 'lib/reply',
      path: 'prototype.send',
      versions: '>=4.0.0 <6',
      settles: 'return',
      follows: true,
      start({ self: { request }, args: [payload] }) {
        const { raw, routeOptions } = request
        const route = routeOptions === undefined ? request.routerPath : routeOptions.url
        if (route !== undefined) setRoute(raw, route)
        if (payload instanceof Error) setRequestError(raw, payload)
        return undefined
      },
    }),
  ],
})
