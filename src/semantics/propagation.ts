// W3C trace context: https://www.w3.org/TR/trace-context-2/ . Ids are pairs and quadruples of signed 32-bit integers, as in src/core/ids.ts.
import type { RemoteContext } from '../core/recorder.ts'

/** A parent in another process. */
export interface TraceParent extends RemoteContext {
  /** The right-most 7 bytes of the trace id are random; to be handed on unchanged. */
  random: boolean
}

const SAMPLED = 1
const RANDOM = 2

/**
 * Reads a `traceparent` header strictly; undefined for anything that is not one. A later version is read by its first 55 characters.
 * What is valid of `tracestate` goes with the trace.
 */
export function parseTraceparent(header: unknown, tracestate?: unknown): TraceParent | undefined {
  if (typeof header !== 'string') return undefined
  const text = header.charCodeAt(0) <= 32 || header.charCodeAt(header.length - 1) <= 32 ? header.trim() : header
  if (text.length < 55 || text[2] !== '-' || text[35] !== '-' || text[52] !== '-') return undefined
  const version = hexByte(text, 0)
  if (version < 0 || version === 255) return undefined
  if (text.length > 55 && (version === 0 || text[55] !== '-')) return undefined
  const flags = hexByte(text, 53)
  if (flags < 0 || !isHex(text, 3, 35) || !isHex(text, 36, 52)) return undefined
  const state = tracestate === undefined ? undefined : forwardTracestate(tracestate)
  const ids = { a: word(text, 3), b: word(text, 11), c: word(text, 19), d: word(text, 27) }
  const trace = state === undefined ? ids : { ...ids, state }
  const parentHigh = word(text, 36)
  const parentLow = word(text, 44)
  if ((trace.a | trace.b | trace.c | trace.d) === 0 || (parentHigh | parentLow) === 0) return undefined
  return { trace, parentHigh, parentLow, sampled: (flags & SAMPLED) !== 0, random: (flags & RANDOM) !== 0 }
}

/** Writes a `traceparent` of version 00; `parentHigh` and `parentLow` are the id of the span that sends it. */
export function formatTraceparent({ trace, parentHigh, parentLow, sampled, random }: TraceParent): string {
  const flags = (sampled ? SAMPLED : 0) | (random ? RANDOM : 0)
  return `00-${hex(trace.a)}${hex(trace.b)}${hex(trace.c)}${hex(trace.d)}-${hex(parentHigh)}${hex(parentLow)}-0${flags}`
}

const MAX_MEMBERS = 32
/** A carrier must propagate at least this much; what is longer is cut member by member. */
const MAX_TRACESTATE = 512
const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** The `tracestate` to hand on: undefined when it is not valid (which never invalidates the `traceparent`), cut when it is too long. */
export function forwardTracestate(header: unknown): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header
  if (typeof text !== 'string') return undefined
  const seen = new Set<string>()
  let members: string[] = []
  for (const part of text.split(',')) {
    const member = part.trim()
    if (member === '') continue
    const key = member.slice(0, member.indexOf('='))
    if (!MEMBER.test(member) || seen.has(key)) return undefined
    seen.add(key)
    members.push(member)
  }
  if (members.length > MAX_MEMBERS) return undefined
  if (members.join(',').length > MAX_TRACESTATE) members = members.filter((member) => member.length <= 128)
  while (members.join(',').length > MAX_TRACESTATE) members.pop()
  return members.length === 0 ? undefined : members.join(',')
}

/** Which hosts get our `traceparent`. */
export interface PropagationConfig {
  /** Hosts (`api.internal`, `*.internal`, `api.internal:8080`), or `*` for all. */
  allow?: readonly string[]
  /** Names of this machine. */
  own?: readonly string[]
}

/** True for loopback hosts, the own ones and those on the allow list. `host` may carry a port. */
export function allowsPropagation(host: string, config: PropagationConfig): boolean {
  const full = host.toLowerCase()
  const name = hostName(full)
  if (name === '') return false
  if (isLoopback(name)) return true
  if (config.own?.some((own) => own.toLowerCase() === name)) return true
  return config.allow?.some((entry) => matches(entry.toLowerCase(), full, name)) ?? false
}

function matches(entry: string, full: string, name: string): boolean {
  if (entry === '*') return true
  if (entry.startsWith('*.')) return name.endsWith(entry.slice(1))
  return (
    entry === name || entry === full || (hostName(entry.replace(/^https?:\/\//, '').replace(/\/.*$/, '')) === name && !/:\d+$/.test(entry))
  )
}

function isLoopback(name: string): boolean {
  return (
    name === 'localhost' ||
    name === '::1' ||
    name.endsWith('.localhost') ||
    name === '0.0.0.0' ||
    name === '::ffff:127.0.0.1' ||
    /^127(?:\.\d{1,3}){3}$/.test(name)
  )
}

/** `example.com:80` → `example.com`, `[::1]:80` → `::1`; a bare IPv6 address stays. */
function hostName(host: string): string {
  if (host.startsWith('[')) return host.slice(1, Math.max(1, host.indexOf(']')))
  const colon = host.indexOf(':')
  return colon >= 0 && colon === host.lastIndexOf(':') ? host.slice(0, colon) : host
}

function isHex(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false
  }
  return true
}

function hexByte(text: string, at: number): number {
  return isHex(text, at, at + 2) ? parseInt(text.slice(at, at + 2), 16) : -1
}

function word(text: string, at: number): number {
  return parseInt(text.slice(at, at + 8), 16) | 0
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}
