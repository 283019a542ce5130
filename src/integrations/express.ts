import { hiddenState } from '../core/hidden-state.ts'
import { defineIntegration, target } from '../core/integration.ts'
import { addMount, mountTemplate, setRequestError, setRoute } from '../core/request-route.ts'

interface Layer {
  route?: unknown
}
interface Router {
  stack: Layer[]
}
interface Request {
  baseUrl: string
}

/** Template of a layer that was added by `use`. */
const layerTemplates = hiddenState<string>('express.layer')
/** `use` calls of a router whose layers have no templates yet. */
const pendingMounts = hiddenState<{ at: number; path: unknown }[]>('express.router')

// Express tells a handler the concrete base path (`/users/42`), never the template it was mounted at. `use` notes the template of
// every layer it is about to add, the router's next `handle` puts it onto the layers, and a matching layer puts it onto the request.
// No span per middleware: these hooks only tell the server span its route and its error.
function routerTargets(
  module: string,
  versions: string,
  files: { router?: string; route: string; layer: string },
  handleRequest: string,
  handleError: string,
) {
  const inRouter = files.router === undefined ? {} : { file: files.router }
  const prototype = files.router === undefined ? 'prototype.' : ''
  return [
    target<{ self: Router; args: unknown[] }>({
      ...inRouter,
      path: `${prototype}use`,
      versions,
      module,
      settles: 'return',
      follows: true,
      start({ self, args }) {
        const path = pathArgument(args)
        if (Array.isArray(self.stack)) pendingMounts.set(self, [...(pendingMounts.get(self) ?? []), { at: self.stack.length, path }])
        return undefined
      },
    }),
    target<{ self: Router; args: [Request] }>({
      ...inRouter,
      path: `${prototype}handle`,
      versions,
      module,
      settles: 'return',
      follows: true,
      start({ self }) {
        if (pendingMounts.get(self) !== undefined) markLayers(self)
        return undefined
      },
    }),
    target<{ self: Layer; args: [Request] }>({
      file: files.layer,
      path: `prototype.${handleRequest}`,
      versions,
      module,
      settles: 'return',
      follows: true,
      start({ self, args: [request] }) {
        const template = layerTemplates.get(self)
        if (template !== undefined && self.route === undefined) addMount(request, request.baseUrl, template)
        return undefined
      },
    }),
    target<{ args: [unknown, Request] }>({
      file: files.layer,
      path: `prototype.${handleError}`,
      versions,
      module,
      settles: 'return',
      follows: true,
      start({ args: [error, request] }) {
        setRequestError(request, error)
        return undefined
      },
    }),
    target<{ self: { path: unknown }; args: [Request] }>({
      file: files.route,
      path: 'prototype.dispatch',
      versions,
      module,
      settles: 'return',
      follows: true,
      start({ self, args: [request] }) {
        // An unknown mount (a router called by the app's own middleware): `/*`, never the raw path.
        setRoute(request, joinPaths(mountTemplate(request, request.baseUrl) ?? '/*', templateOf(self.path)))
        return undefined
      },
    }),
  ]
}

export default defineIntegration({
  name: 'express',
  module: ['express', 'router', 'finalhandler'],
  kind: 'http',
  records: {
    spans: ['no spans of its own: the route of the request it serves'],
    attributes: [],
    against: 'real servers over loopback',
  },
  inBundle: ['app.use() requires a middleware function'],
  through: [{ module: 'express', versions: '>=5.0.0 <6', by: 'router' }],
  targets: [
    ...routerTargets(
      'express',
      '>=4.0.0 <5',
      { router: 'lib/router/index', route: 'lib/router/route', layer: 'lib/router/layer' },
      'handle_request',
      'handle_error',
    ),
    ...routerTargets('router', '>=2.0.0 <3', { route: 'lib/route', layer: 'lib/layer' }, 'handleRequest', 'handleError'),
    // What answers an error that no handler of the app took.
    target<{ args: [unknown] }>({
      module: 'finalhandler',
      path: 'default',
      given: 'result',
      onlyCalled: true,
      versions: '>=1.0.0 <3',
      settles: 'return',
      follows: true,
      start({ args: [error], madeOf: [request] = [] }) {
        if (error !== undefined && error !== null && typeof request === 'object' && request !== null) setRequestError(request, error)
        return undefined
      },
    }),
  ],
})

/** The path of `use(path, …handlers)`; undefined for `/` and for `use(…handlers)`. */
function pathArgument([first]: readonly unknown[]): unknown {
  let inner = first
  while (Array.isArray(inner) && inner.length > 0) inner = inner[0] as unknown
  return typeof first === 'function' || typeof inner === 'function' || first === '/' || first === '' ? undefined : first
}

/** Gives the layers of the `use` calls since the last time their templates. */
function markLayers(router: Router): void {
  const calls = pendingMounts.take(router) ?? []
  for (const [index, { at, path }] of calls.entries()) {
    const next = calls[index + 1]?.at ?? router.stack.length
    for (let i = at; path !== undefined && i < next; i++) {
      const layer = router.stack[i]
      if (layer === undefined || layer.route !== undefined) break
      layerTemplates.set(layer, templateOf(path))
    }
  }
}

/** A path as it was registered: text, a regular expression, or a list of these. */
function templateOf(path: unknown): string {
  if (Array.isArray(path)) return path.length === 1 ? templateOf(path[0]) : `(${path.map(templateOf).join('|')})`
  return typeof path === 'string' ? path : String(path)
}

function joinPaths(base: string, path: string): string {
  const trimmed = base.endsWith('/') ? base.slice(0, -1) : base
  if (path === '/' || path === '') return trimmed === '' ? '/' : trimmed
  return trimmed + (path.startsWith('/') || path.startsWith('(') ? path : `/${path}`)
}
