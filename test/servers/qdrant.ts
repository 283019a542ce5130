// A scripted Qdrant: the paths of its REST interface, points in memory, scores made up.
import { startRestServer, type RestServer, type Route } from './rest.ts'

interface Point {
  id: number | string
  vector: number[]
  payload?: Record<string, unknown>
}

/** Starts it on a free port. */
export function startQdrantServer(): Promise<RestServer> {
  const collections = new Map<string, Map<number | string, Point>>()
  const ok = (result: unknown) => ({ body: { result, status: 'ok', time: 0.001 } })
  const done = { operation_id: 1, status: 'completed' }
  const found = (name: string, limit: unknown) =>
    [...(collections.get(name)?.values() ?? [])]
      .slice(0, Number(limit ?? 10))
      .map(({ id, payload }) => ({ id, version: 1, score: 0.5, payload }))
  const missing = (name: string) => ({
    status: 404,
    body: { status: { error: `Not found: Collection \`${name}\` doesn't exist!` }, time: 0.001 },
  })
  const on = (
    method: string,
    path: RegExp,
    handle: (points: Map<number | string, Point>, name: string, body: Record<string, unknown>) => unknown,
  ): Route => [
    method,
    path,
    ({ parts: [name = ''], body }) => {
      const points = collections.get(name)
      return points === undefined ? missing(name) : ok(handle(points, name, body))
    },
  ]
  return startRestServer([
    ['GET', /^\/$/, () => ({ body: { title: 'qdrant - vector search engine', version: '1.18.0' } })],
    ['GET', /^\/collections$/, () => ok({ collections: [...collections.keys()].map((name) => ({ name })) })],
    [
      'PUT',
      /^\/collections\/([^/]+)$/,
      ({ parts: [name = ''] }) => {
        collections.set(name, new Map())
        return ok(true)
      },
    ],
    ['DELETE', /^\/collections\/([^/]+)$/, ({ parts: [name = ''] }) => ok(collections.delete(name))],
    on('PUT', /^\/collections\/([^/]+)\/points$/, (points, _name, { points: list, batch }) => {
      const { ids = [], vectors = [] } = (batch ?? {}) as { ids?: number[]; vectors?: number[][] }
      for (const point of (list ?? ids.map((id, i) => ({ id, vector: vectors[i] }))) as Point[]) points.set(point.id, point)
      return done
    }),
    on('POST', /^\/collections\/([^/]+)\/points\/search$/, (_points, name, { limit }) => found(name, limit)),
    on('POST', /^\/collections\/([^/]+)\/points\/search\/batch$/, (_points, name, { searches }) =>
      (searches as { limit?: number }[]).map(({ limit }) => found(name, limit)),
    ),
    on('POST', /^\/collections\/([^/]+)\/points\/query$/, (_points, name, { limit }) => ({ points: found(name, limit) })),
    on('POST', /^\/collections\/([^/]+)\/points\/query\/batch$/, (_points, name, { searches }) =>
      (searches as { limit?: number }[]).map(({ limit }) => ({ points: found(name, limit) })),
    ),
    on('POST', /^\/collections\/([^/]+)\/points\/scroll$/, (_points, name, { limit }) => ({
      points: found(name, limit),
      next_page_offset: null,
    })),
    on('POST', /^\/collections\/([^/]+)\/points\/count$/, (points) => ({ count: points.size })),
    on('POST', /^\/collections\/([^/]+)\/points\/delete$/, (points, _name, { points: ids }) => {
      for (const id of ids as number[]) points.delete(id)
      return done
    }),
    on('POST', /^\/collections\/([^/]+)\/points$/, (points, _name, { ids }) => (ids as number[]).flatMap((id) => points.get(id) ?? [])),
    on('POST', /^\/collections\/([^/]+)\/points\/payload$/, () => done),
    on('PUT', /^\/collections\/([^/]+)\/index$/, () => done),
    on('GET', /^\/collections\/([^/]+)$/, (points) => ({ status: 'green', points_count: points.size })),
  ])
}
