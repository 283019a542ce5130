// RPC spans by the OpenTelemetry conventions.
import type { Attributes, SpanEnd } from '../core/integration.ts'

const STATUS = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]
const CANCELLED = 1
const UNKNOWN = 2
/** What is the server's fault, not its caller's. */
const SERVER_ERRORS = new Set([UNKNOWN, 4, 12, 13, 14, 15])

/** Attributes of a call; `method` is fully qualified: `package.Service/Method`. */
export function rpcAttributes(system: string, method: string): Attributes {
  const slash = method.lastIndexOf('/')
  return { 'rpc.system.name': system, 'rpc.service': slash < 0 ? undefined : method.slice(0, slash), 'rpc.method': method }
}

/** End of a client's call: all but OK are errors, and a cancel is none. */
export function rpcClientEnd(status: number): SpanEnd {
  return ended(status, status !== 0 && status !== CANCELLED)
}

/** End of a server's call: only what is the server's fault is an error. */
export function rpcServerEnd(status: number): SpanEnd {
  return ended(status, SERVER_ERRORS.has(status))
}

function ended(status: number, isError: boolean): SpanEnd {
  const name = STATUS[status] ?? 'UNKNOWN'
  const attributes = { 'rpc.response.status_code': name }
  return isError ? { attributes, status: 'error', errorType: name } : { attributes, status: 'unset' }
}

/** The status of an error or a status object; UNKNOWN when it has none. */
export function statusOfError(error: unknown): number {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return typeof code === 'number' && code >= 0 && code < STATUS.length ? code : UNKNOWN
}
