import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { urlToHttpOptions } from 'node:url'

/** A request that is sent again and again. */
export interface LoadRequest {
  url: URL
  method: string
  headers: Record<string, string>
  body: string | Buffer | undefined
  timeoutMs: number
}

/** What became of one request. */
export interface Outcome {
  /** Of the answer; `null` when there was none. */
  status: number | null
  /** Why there was no answer: `timeout`, a code of Node's, or `closed` for a connection that ended too early. */
  error: string | null
  /** From when it was due. */
  latencyMs: number
  /** From when it was sent. */
  serviceMs: number
  bytes: number
  /** Of the `traceparent` it carried. */
  traceId: string
}

interface Exchange {
  traceId: string
  startMs: number
  sentMs: number
}

type Library = typeof import('autocannon/lib/httpClient.js')

/** Loads the client of autocannon; it is bundled, and as CommonJS asks for a `require` that modules do not have. */
export async function loadLibrary(): Promise<Library['default']> {
  const scope = globalThis as { require?: NodeJS.Require }
  scope.require ??= createRequire(import.meta.url)
  return (await import('autocannon/lib/httpClient.js')).default
}

/** After a connection failed, the next one is tried so much later: autocannon tries at once, thousands of times a second. */
const RECONNECT_MS = 100

/** A connection that was idle for longer is made anew: Node's servers close theirs after 5 s, maybe just when a request is on its way. */
const MAX_IDLE_MS = 4000

/**
 * One connection of autocannon's client, which sends when it is told to. autocannon paces by itself only in bursts at the start of every second
 * (`rate`), and corrects for coordinated omission as if requests were due every millisecond, whatever the rate (9.0.0, lib/run.js:
 * `Math.ceil(1 / rate)`); so its client is driven from outside, through the two methods it calls when it may send and when it must connect.
 */
export class LoadClient {
  /** Since when it waits for work; undefined while it has some. */
  idleSinceMs: number | undefined
  readonly #client: InstanceType<Library['default']>
  readonly #send: () => void
  readonly #timeoutMs: number
  readonly #onOutcome: (outcome: Outcome) => void
  #exchange: Exchange | undefined
  #nextTraceId = ''
  #error: string | undefined
  #keepsAlive = true
  /** Its connection ended: what follows waits for the next. */
  #isClosing = false

  constructor(
    library: Library['default'],
    request: LoadRequest,
    events: { idle(client: LoadClient): void; outcome(outcome: Outcome): void },
  ) {
    this.#timeoutMs = request.timeoutMs
    this.#onOutcome = events.outcome
    const { protocol, hostname, port, path, auth } = urlToHttpOptions(request.url)
    const setupRequest = (built: { headers: Record<string, string> }): object => {
      this.#nextTraceId = randomBytes(16).toString('hex')
      return { ...built, headers: { ...built.headers, traceparent: `00-${this.#nextTraceId}-${randomBytes(8).toString('hex')}-01` } }
    }
    let send: (() => void) | undefined
    const setupClient = (client: InstanceType<Library['default']>): void => {
      const [doRequest, connect] = [client._doRequest, client._connect]
      send = () => doRequest.call(client)
      client._doRequest = () => this.#becomeIdle(client, events.idle)
      client._connect = () => this.#connect(client, () => connect.call(client))
      client.on('connError', (error: NodeJS.ErrnoException) => (this.#error = error.code ?? error.message))
      client.on('headers', ({ shouldKeepAlive }: { shouldKeepAlive: boolean }) => (this.#keepsAlive = shouldKeepAlive))
      client.on('response', (status: number, bytes: number) => this.#settle(status, null, bytes))
    }
    this.#client = new library({
      protocol, hostname, port: port === '' ? null : port, path, auth, host: request.url.host, method: request.method, headers: request.headers, body: request.body,
      timeout: request.timeoutMs / 1000, requests: [{ setupRequest }], setupClient,
    }) // prettier-ignore
    this.#send = send ?? (() => {})
  }

  get isBusy(): boolean {
    return this.#exchange !== undefined
  }

  /** Sends a request that was due at `dueMs`. One that waited for this connection is timed from when it was due, any other from now. */
  send(dueMs: number): void {
    const now = performance.now()
    const idleSinceMs = this.idleSinceMs ?? now
    const startMs = idleSinceMs <= dueMs ? now : dueMs
    if (now - idleSinceMs > MAX_IDLE_MS) this.#client._resetConnection()
    this.idleSinceMs = undefined
    this.#exchange = { traceId: '', startMs, sentMs: now }
    this.#send()
    this.#exchange.traceId = this.#nextTraceId
  }

  destroy(): void {
    this.#client.destroy()
  }

  #becomeIdle(client: InstanceType<Library['default']>, idle: (client: LoadClient) => void): void {
    if (client.destroyed || this.#isClosing) return
    if (!this.#keepsAlive) {
      this.#keepsAlive = true
      client._resetConnection()
      return
    }
    this.idleSinceMs = performance.now()
    idle(this)
  }

  /** autocannon connects at its start, and anew after an error, a timeout and the end of a connection, whatever was under way on it. */
  #connect(client: InstanceType<Library['default']>, connect: () => void): void {
    this.idleSinceMs = undefined
    // A body without a length ends with its connection.
    this.#isClosing = true
    if (this.#exchange !== undefined && this.#error === undefined) client.parser.finish()
    this.#isClosing = false
    const failed = this.#error
    this.#error = undefined
    if (this.#exchange !== undefined) {
      const isLate = performance.now() - this.#exchange.sentMs >= this.#timeoutMs - 20
      this.#settle(null, isLate ? 'timeout' : (failed ?? 'closed'), 0)
    }
    if (client.destroyed) return
    this.#keepsAlive = true
    client.pipelinedRequests.clear()
    client.parser.reinitialize(client.parser.type)
    if (failed === undefined) connect()
    else setTimeout(() => (client.destroyed ? undefined : connect()), RECONNECT_MS)
  }

  #settle(status: number | null, error: string | null, bytes: number): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    this.#exchange = undefined
    const now = performance.now()
    this.#onOutcome({
      status,
      error,
      bytes,
      traceId: exchange.traceId,
      latencyMs: now - exchange.startMs,
      serviceMs: now - exchange.sentMs,
    })
  }
}
