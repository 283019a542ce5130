import diagnosticsChannel from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { nowNs } from '../src/core/clock.ts'
import { currentSpan } from '../src/core/context.ts'
import { guard } from '../src/core/guard.ts'
import { traceparentOf } from '../src/core/recorder.ts'
import { carried } from '../src/core/span-life.ts'

const NAME = 'Server-Timing'

/**
 * Puts a `Server-Timing` header (W3C) onto every HTTP/1 response of this thread: the time until its headers in milliseconds and the id of its
 * trace, as browsers show them. One that the app gives to `writeHead` stands instead.
 */
export function addServerTiming(): void {
  diagnosticsChannel.subscribe('http.server.request.start', (message) => {
    guard('server-timing', () => announce(message as Exchange))
  })
}

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

type WriteHead = (...args: unknown[]) => ServerResponse

function announce({ request, response }: Exchange): void {
  const startNs = nowNs()
  // Node itself calls it for headers that the app does not write. Frameworks give the response another prototype meanwhile.
  const announcing = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    guard('server-timing', () => {
      const status = Number(args[0])
      if (!response.headersSent && status >= 200 && status <= 999) addHeader(response, args, timing(request, startNs))
    })
    const { writeHead } = Object.getPrototypeOf(response) as { writeHead: WriteHead }
    return Reflect.apply(writeHead, this, args)
  }
  Object.defineProperty(response, 'writeHead', { value: announcing, writable: true, configurable: true, enumerable: false })
}

/**
 * Node writes what `writeHead` is given as it is (repeated names, pairs, any case) only while the response has no header of its own: then ours
 * goes where the app's are.
 */
function addHeader(response: ServerResponse, args: unknown[], value: string): void {
  const at = typeof args[1] === 'string' || (args[2] !== undefined && args[2] !== null) ? 2 : 1
  const given = args[at]
  if (typeof given !== 'object' || given === null || response.getHeaderNames().length > 0) {
    // A `writeHead` that failed has left it there.
    if (!listOf(response.getHeader(NAME)).some((known) => known.startsWith('total;dur='))) response.appendHeader(NAME, value)
  } else if (!Array.isArray(given)) {
    if (!Object.keys(given).some(isName)) args[at] = { ...given, [NAME]: value }
  } else if (Array.isArray(given[0])) {
    if (!given.some((pair: unknown) => Array.isArray(pair) && isName(pair[0]))) args[at] = [...(given as unknown[]), [NAME, value]]
  } else if (given.length % 2 === 0 && !given.some((name, index) => index % 2 === 0 && isName(name))) {
    args[at] = [...(given as unknown[]), NAME, value]
  }
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'server-timing'
}

function listOf(value: number | string | string[] | undefined): string[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [String(value)]
}

function timing(request: IncomingMessage, startNs: number): string {
  const total = `total;dur=${((nowNs() - startNs) / 1e6).toFixed(2)}`
  const span = carried.get(request)?.span ?? currentSpan()
  return span === undefined ? total : `${total}, trace;desc="${traceparentOf(span).split('-')[1]}"`
}
