import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { PerfError, UsageError } from '../errors.ts'

/** The target of a load run as the user names it: a URL, or host and port. Throws `UsageError`. */
export function parseTarget(text: string): URL {
  let url: URL
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  } catch {
    throw new UsageError(`'${text}' is not a URL, such as http://localhost:3000/orders.`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UsageError(`load speaks http and https, not '${url.protocol.slice(0, -1)}'.`)
  return url
}

/** Whether a host is this machine, by its name or address. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]'
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Method and body: `GET`, or `POST` where there is a body; `@file` is the content of a file. Throws `UsageError`. */
export function parseBody(method: string | undefined, body: string | undefined): { method: string; body: string | Buffer | undefined } {
  const chosen = (method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase()
  if (!METHODS.includes(chosen)) throw new UsageError(`--method is one of ${METHODS.join(', ')}, not '${method}'.`)
  if (body?.startsWith('@') !== true) return { method: chosen, body }
  try {
    return { method: chosen, body: readFileSync(body.slice(1)) }
  } catch (error) {
    throw new UsageError(`--body ${body}: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`)
  }
}

/** Headers as curl takes them: `Name: value`. Throws `UsageError`. */
export function parseHeaders(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^([\w!#$%&'*+.^`|~-]+)\s*:\s*([^\r\n]*)$/.exec(line) ?? []
      if (name === '') throw new UsageError(`--header needs 'Name: value', not '${line}'.`)
      return [name, value]
    }),
  )
}

/** Connects once. Throws `PerfError` in one sentence when nobody answers. */
export async function assertReachable(url: URL, timeoutMs: number): Promise<void> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const reason = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs })
    const end = (why?: string): void => {
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end('no answer'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
  if (reason !== undefined) throw new PerfError('UNREACHABLE', `Nobody answers at ${url.host} (${reason}): is the server running?`)
}
