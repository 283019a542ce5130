import diagnosticsChannel from 'node:diagnostics_channel'
import Module from 'node:module'
import { guard } from '../src/core/guard.ts'

/**
 * Brings `net` and `dns` to the hooks before the first connection, also where the app loads neither (HTTP, fetch): Node's own modules load
 * them without a `require` that could be seen. The result does so at once, for `https`, whose sockets are not published.
 */
export function watchConnections(): () => void {
  let isLoaded = false
  const load = (): void => {
    if (isLoaded) return
    isLoaded = true
    diagnosticsChannel.unsubscribe('net.client.socket', load)
    guard('connections', () => {
      for (const name of ['net', 'dns']) Module.prototype.require.call(module, name)
    })
  }
  diagnosticsChannel.subscribe('net.client.socket', load)
  return load
}
