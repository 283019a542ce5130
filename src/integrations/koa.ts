import type { IncomingMessage } from 'node:http'
import { defineIntegration, target } from '../core/integration.ts'
import { setRequestError, setRouteFinder } from '../core/request-route.ts'

/** A route of @koa/router or koa-router, or middleware of theirs, which has no methods. */
interface RouteLayer {
  methods: readonly string[]
  path: string | RegExp
}
interface Context {
  req: IncomingMessage
  method: string
  /** All layers whose path matched, of all routers. */
  matched?: readonly RouteLayer[]
  /** Of the layer that runs, or of the last one that matched. */
  _matchedRoute?: unknown
  /** Where koa-mount put the app that handles the request. */
  mountPath?: unknown
}

// Koa itself knows no routes; every router writes the template onto the context, which is read when the request ends.
export default defineIntegration({
  name: 'koa',
  module: ['koa', '@koa/router', 'koa-router'],
  kind: 'http',
  records: {
    spans: ['no spans of its own: the route of the request it serves'],
    attributes: [],
    against: 'real servers over loopback',
  },
  inBundle: ['middleware must be a function!', 'non-error thrown: '],
  through: [
    { module: '@koa/router', versions: '>=8.0.0 <16', by: 'koa' },
    { module: 'koa-router', versions: '>=7.4.0 <15', by: 'koa' },
  ],
  targets: [
    target<{ args: [request: IncomingMessage]; result: Context }>({
      module: 'koa',
      path: 'prototype.createContext',
      versions: '>=2.0.0 <4',
      settles: 'return',
      start: () => undefined,
      returned: ({ args: [request] }, context) => setRouteFinder(request, () => routeOf(context)),
    }),
    target<{ self: Context; args: [error: unknown] }>({
      module: 'koa',
      file: 'lib/context',
      path: 'onerror',
      versions: '>=2.0.0 <4',
      settles: 'return',
      follows: true,
      start({ self, args: [error] }) {
        if (error !== null && error !== undefined) setRequestError(self.req, error)
        return undefined
      },
    }),
  ],
})

function routeOf({ matched, method, mountPath, _matchedRoute: running }: Context): string | undefined {
  if (!Array.isArray(matched)) return undefined
  const routes = (matched as RouteLayer[]).filter((layer) => layer.methods.includes(method))
  const path = (routes.find((layer) => layer.path === running) ?? routes.at(-1))?.path
  if (path === undefined) return undefined
  return (typeof mountPath === 'string' && mountPath !== '/' ? mountPath : '') + String(path)
}
