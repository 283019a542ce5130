import { defineIntegration, target } from '../core/integration.ts'

interface TraceOptions {
  spanName?: unknown
  attributes?: Record<string, unknown>
}
interface TraceCall {
  args: [type: string, options: unknown, ...rest: unknown[]]
}

/** What Next does for a route, by its own names; the rest of them (loading, building trees, fetches) gives no span. */
const WORK = new Map([
  ['AppRender.getBodyResult', 'render'],
  // The place of `getBodyResult` in 16, to the first of the page that is sent.
  ['AppRender.renderToNodeFizzStream', 'render'],
  ['AppRouteRouteHandlers.runHandler', 'route handler'],
  ['Node.runHandler', 'api handler'],
  ['Render.getServerSideProps', 'getServerSideProps'],
  ['Render.renderDocument', 'render document'],
  ['ResolveMetadata.generateMetadata', 'generateMetadata'],
  ['Middleware.execute', 'middleware'],
])
/** Says the route also where the page was made before. */
const FIND = 'NextNodeServer.findPageComponents'
/** Pages that stand for no route of the app's. */
const FALLBACK = /^\/(?:_not-found|_error|404|500)(?:\/|$)/

// Next calls its tracer at the same places whether or not OpenTelemetry is set up; the code around it is partly bundled into the app,
// the tracer is not.
export default defineIntegration({
  name: 'next',
  module: 'next',
  kind: 'function',
  records: {
    spans: ['render route (app) /orders/[id]', 'executing api route (pages) /api/orders'],
    attributes: ['http.route', 'next.span_type'],
    against: 'real servers over loopback',
  },
  inBundle: ['next.rootSpanId'],
  targets: [
    target<TraceCall>({
      file: 'dist/server/lib/trace/tracer',
      path: 'getTracer().trace',
      versions: '>=15.0.0 <17',
      settles: 'beside',
      route({ args: [type, options] }) {
        const route = type === FIND || WORK.has(type) ? routeOf(type, options as TraceOptions) : undefined
        return route !== undefined && !FALLBACK.test(route) ? route : undefined
      },
      start({ args: [type, options] }) {
        const work = WORK.get(type)
        if (work === undefined) return undefined
        const route = routeOf(type, options as TraceOptions)
        return {
          name: route === undefined ? work : `${work} ${route}`,
          attributes: { 'next.span_type': type, 'http.route': route },
        }
      },
    }),
  ],
})

/** The template: an attribute, or the last word of the name (`executing api route (pages) /api/users/[id]`). */
function routeOf(type: string, options: TraceOptions | undefined): string | undefined {
  const given = options?.attributes?.['next.route'] ?? options?.attributes?.['next.page']
  const name = options?.spanName
  let route: string | undefined
  if (typeof given === 'string') route = given
  else if (typeof name === 'string' && type !== 'Middleware.execute') route = / (\/\S*)$/.exec(name)?.[1]
  // Of the app router some say the file, not the route.
  if (route === undefined || !/^(?:App|ResolveMetadata)/.test(type)) return route
  const trimmed = route.replace(/\/(?:page|route)$/, '')
  return trimmed === '' ? '/' : trimmed
}
