import { defineIntegration, target } from '../core/integration.ts'
import { setRequestError, setRoute } from '../core/request-route.ts'

interface Route {
  method: string
  path: string
  handler: ((...args: unknown[]) => unknown) & { __COMPOSED_HANDLER?: (...args: unknown[]) => unknown }
}
interface Context {
  error?: unknown
  /** What @hono/node-server hands on. */
  env?: { incoming?: unknown }
  req: {
    /** Of the handler that runs, in `matchedRoutes`. */
    routeIndex: number
    matchedRoutes: readonly Route[]
  }
}

/** Routers keep what `match` found in closures; what goes in is a pair of handler and route. */
function handlersOf(router: string, name: string): ReturnType<typeof target> {
  return target<{ args: [context: Context] }>({
    file: new RegExp(`^dist/(?:cjs/)?router/${router}/router$`),
    path: `${name}.prototype.add`,
    given: '2.0',
    versions: '>=3.12.0 <5',
    settles: 'promise',
    follows: true,
    start({ args: [{ env, req }] }) {
      const request = env?.incoming
      if (typeof request !== 'object' || request === null) return undefined
      const { matchedRoutes } = req
      const running = matchedRoutes[req.routeIndex]
      // Middleware may answer in the place of the handler that would have been next.
      const route = running !== undefined && isHandler(running) ? running : matchedRoutes.find(isHandler)
      if (route !== undefined) setRoute(request, route.path)
      return undefined
    },
    settled({ args: [{ env, error: noted }] }, outcome) {
      const request = env?.incoming
      // A sub-app with an `onError` of its own notes what it answered there.
      const error = outcome.ok ? noted : outcome.error
      if (error !== undefined && error !== null && typeof request === 'object' && request !== null) setRequestError(request, error)
    },
  })
}

// Every matching handler runs with the request's context, the last one is the route's. Hono answers what a handler throws with a response of
// its `onError`: the request has the error where that turns out to be a failure.
export default defineIntegration({
  name: 'hono',
  module: 'hono',
  kind: 'http',
  records: {
    spans: ['no spans of its own: the route of the request it serves'],
    attributes: [],
    against: 'real servers over loopback',
  },
  esmFiles: ['smart-router', 'pattern-router', 'reg-exp-router', 'trie-router', 'linear-router'].map(
    (name) => `hono/dist/router/${name}/router.js`,
  ),
  inBundle: ['Context is not finalized.'],
  targets: [
    handlersOf('smart-router', 'SmartRouter'),
    handlersOf('pattern-router', 'PatternRouter'),
    handlersOf('reg-exp-router', 'RegExpRouter'),
    handlersOf('trie-router', 'TrieRouter'),
    handlersOf('linear-router', 'LinearRouter'),
  ],
})

/** Hono's own rule: middleware takes `next`. */
function isHandler({ method, handler }: Route): boolean {
  return method !== 'ALL' || (handler.__COMPOSED_HANDLER ?? handler).length < 2
}
