// The arguments of `http.request` and `http.get`: (url[, options][, callback]) or (options[, callback]), read as Node reads them.
import type { OutgoingRequest } from './http.ts'
import { splitHost } from './http.ts'

interface Options {
  method?: unknown
  protocol?: unknown
  hostname?: unknown
  host?: unknown
  port?: unknown
  defaultPort?: unknown
  path?: unknown
  socketPath?: unknown
  headers?: unknown
  agent?: unknown
}

/** Where a call to `http.request` goes; `module` is `http` or `https`. Undefined for a URL that Node will refuse. */
export function readOptions(args: readonly unknown[], module: string): OutgoingRequest | undefined {
  if (typeof args[0] === 'string' && !URL.canParse(args[0])) return undefined
  const url = urlOf(args[0])
  const options = optionsOf(args)
  const scheme = (text(options?.protocol) ?? url?.protocol ?? agentProtocol(options) ?? `${module.replace(/^node:/, '')}:`).replace(
    /:$/,
    '',
  )
  const named = text(options?.hostname) ?? text(options?.host) ?? url?.hostname ?? 'localhost'
  const port = options?.port ?? (url === undefined || url.port === '' ? undefined : url.port) ?? options?.defaultPort
  return {
    method: text(options?.method)?.toUpperCase() ?? 'GET',
    scheme,
    host: text(options?.socketPath) === undefined ? (splitHost(named).address ?? 'localhost') : 'localhost',
    port: port === undefined || port === null || port === '' ? undefined : Number(port),
    path: text(options?.path) ?? (url === undefined ? '/' : `${url.pathname}${url.search}`),
  }
}

/** Adds a header to the arguments, on copies of what the app passed; an own header of that name stays, and the result is false. */
export function withHeader(args: unknown[], name: string, value: string): boolean {
  const at = isOptions(args[0]) ? 0 : 1
  const options = args[at]
  if (!isOptions(options)) {
    args.splice(1, 0, { headers: { [name]: value } })
    return true
  }
  const headers = addHeader(options.headers, name, value)
  // Node itself copies the options the same way: own enumerable properties.
  if (headers !== undefined) args[at] = { ...options, headers }
  return headers !== undefined
}

function addHeader(headers: unknown, name: string, value: string): unknown {
  if (Array.isArray(headers)) {
    const pairs = Array.isArray(headers[0])
    const has = headers.some((entry: unknown, index) => isName(pairs ? (entry as unknown[])[0] : index % 2 === 0 ? entry : undefined, name))
    return has ? undefined : pairs ? [...(headers as unknown[]), [name, value]] : [...(headers as unknown[]), name, value]
  }
  if (typeof headers !== 'object' || headers === null) return { [name]: value }
  return Object.keys(headers).some((key) => isName(key, name)) ? undefined : { ...headers, [name]: value }
}

function isName(entry: unknown, name: string): boolean {
  return typeof entry === 'string' && entry.length === name.length && entry.toLowerCase() === name
}

function optionsOf(args: readonly unknown[]): Options | undefined {
  return isOptions(args[0]) ? args[0] : isOptions(args[1]) ? args[1] : undefined
}

function isOptions(value: unknown): value is Options {
  return typeof value === 'object' && value !== null && !isUrl(value)
}

/** Node's own test: a URL of another realm or polyfill counts, an options object does not. */
function isUrl(value: unknown): value is URL {
  if (value instanceof URL) return true
  if (typeof value !== 'object' || value === null) return false
  const { href, protocol, auth, path } = value as { href?: unknown; protocol?: unknown; auth?: unknown; path?: unknown }
  return Boolean(href) && Boolean(protocol) && auth === undefined && path === undefined
}

function urlOf(value: unknown): URL | undefined {
  return typeof value === 'string' ? new URL(value) : isUrl(value) ? value : undefined
}

function agentProtocol(options: Options | undefined): string | undefined {
  const agent = options?.agent
  return typeof agent === 'object' && agent !== null && 'protocol' in agent ? text(agent.protocol) : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
