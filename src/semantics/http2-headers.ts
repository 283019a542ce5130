// Headers of an outgoing HTTP/2 request: an object, or since Node 22.17 a flat list of names and values.

/** The value of a header whose name is given in lower case; undefined when it is no text. */
export function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  if (Array.isArray(headers)) {
    const at = headers.findIndex((entry: unknown, index) => index % 2 === 0 && isName(entry, name))
    return at < 0 ? undefined : text(headers[at + 1])
  }
  const own = text((headers as Record<string, unknown>)[name])
  if (own !== undefined || name.startsWith(':')) return own
  const key = Object.keys(headers).find((other) => isName(other, name))
  return key === undefined ? undefined : text((headers as Record<string, unknown>)[key])
}

/** A copy with one header more; undefined when there is one of that name. */
export function addHeader(headers: unknown, name: string, value: string): unknown {
  if (headerOf(headers, name) !== undefined) return undefined
  if (Array.isArray(headers)) return [...(headers as unknown[]), name, value]
  // Node copies the same way: own enumerable properties, symbols (`http2.sensitiveHeaders`) too.
  return typeof headers === 'object' && headers !== null ? { ...headers, [name]: value } : { [name]: value }
}

function isName(entry: unknown, name: string): boolean {
  return typeof entry === 'string' && entry.length === name.length && entry.toLowerCase() === name
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
