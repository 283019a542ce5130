// The part of autocannon's own client that is used here; the package has no types.
declare module 'autocannon/lib/httpClient.js' {
  import type { EventEmitter } from 'node:events'

  interface Client extends EventEmitter {
    destroyed: boolean
    parser: { type: string; finish(): unknown; reinitialize(type: string): void }
    pipelinedRequests: { clear(): void }
    _doRequest(): void
    _connect(): void
    _resetConnection(): void
    destroy(): void
  }
  const Client: new (options: Record<string, unknown>) => Client
  export default Client
}
