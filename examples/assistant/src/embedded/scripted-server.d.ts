import type { IncomingHttpHeaders } from 'node:http'
import type { Markers } from './markers.js'

/** What a scripted server does when no marker says otherwise; both in milliseconds, 0 unless given. */
export interface Timing {
  firstTokenMs?: number
  gapMs?: number
}

/** One request as the server saw it. */
export interface RecordedRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  /** Parsed JSON, or the text of any other body. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any
  /** 1 for the first try, 2 for its first retry, … */
  attempt: number
  /** The status that was sent; 0 as long as none was. */
  status: number
  /** The connection closed before the answer was complete. */
  aborted: boolean
}

export interface ScriptedServer {
  url: string
  port: number
  /** Every request so far, oldest first; may be emptied with `length = 0`. */
  requests: RecordedRequest[]
  close(): Promise<void>
}

/** One server-sent event; `data` that is not a string is sent as JSON. */
export interface ServerEvent {
  event?: string
  data: unknown
}

export interface Reply {
  json(status: number, value: unknown, headers?: Record<string, string>): void
  bytes(status: number, type: string, content: string | Uint8Array, headers?: Record<string, string>): void
  error(status: number, message: string, headers?: Record<string, string>): void
  failure(status: number, retryAfterMs: number): void
  stream(events: ServerEvent[]): Promise<void>
  /** A body in frames of another format; `failing` makes the one that says that the stream failed. */
  frames(type: string, frames: (string | Uint8Array)[], failing: (index: number) => string | Uint8Array): Promise<void>
}

export interface Exchange {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any
  markers: Markers
  reply: Reply
  /** Named groups of the route's path. */
  params: Record<string, string>
  query: URLSearchParams
  /** How the client reached the server, for absolute links. */
  origin: string
}

export interface Route {
  method: string
  path: RegExp
  handle(exchange: Exchange): void | Promise<void>
}

/** What is particular to one protocol. */
export interface Provider {
  /** The part of a JSON body that may carry markers. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  promptOf(body: any): string
  errorBody(status: number, message: string): unknown
  /** The event a stream sends when it fails midway. */
  errorEvent(sequence: number): ServerEvent
  /** Headers of every answer. */
  headers(): Record<string, string>
  routes: Route[]
}

export function startScriptedServer(provider: Provider, options?: Timing & { port?: number }): Promise<ScriptedServer>
