// The ground of scripted servers that speak JSON over HTTP: routes to functions.
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RestServer {
  port: number
  url: string
  close(): Promise<void>
}

export interface RestRequest {
  /** The groups of the route's pattern. */
  parts: string[]
  body: Record<string, unknown>
}

export type Route = [method: string, path: RegExp, handle: (request: RestRequest) => { status?: number; body: unknown }]

/** Starts it on a free port; what no route takes is a 404. */
export async function startRestServer(routes: readonly Route[]): Promise<RestServer> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost')
      const text = Buffer.concat(chunks).toString()
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
      const { status = 200, body: reply } = answer(routes, request.method ?? '', pathname, body)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function answer(routes: readonly Route[], method: string, path: string, body: Record<string, unknown>): { status?: number; body: unknown } {
  for (const [wanted, pattern, handle] of routes) {
    const match = wanted === method ? pattern.exec(path) : null
    if (match !== null) return handle({ parts: match.slice(1).map(decodeURIComponent), body })
  }
  return { status: 404, body: { error: 'NotFoundError', message: `nothing at ${method} ${path}` } }
}
