// What a peer calls its spans, read from the bytes it sends: one label per span, enough to tell http, pg, redis and ai apart.
import { Unpackr } from 'msgpackr'

const unpackr = new Unpackr({ int64AsType: 'bigint', useRecords: false, mapsAsObjects: true })

/** One entry per backend protocol: the paths it posts spans to, the variant that speaks it, and how to get a label for each span. */
export const spanLabels = [
  { variant: 'otel', path: /^\/v1\/traces/, decode: otlpLabels },
  { variant: 'dd', path: /^\/v0\.4\/traces/, decode: datadogLabels },
  { variant: 'sentry', path: /^\/api\/\d+\/envelope/, decode: sentryLabels },
  { variant: 'elastic', path: /^\/intake\/v2\/events/, decode: elasticLabels },
]

/** ExportTraceServiceRequest: resource_spans 1 → scope_spans 2 → { scope 1 → name 1, spans 2 }; a span's label is the name of its scope. */
function* otlpLabels(body) {
  for (const resourceSpans of messages(body, 1)) {
    for (const scopeSpans of messages(resourceSpans, 2)) {
      const scope = messages(scopeSpans, 1).next().value
      const name = scope ? String(messages(scope, 1).next().value ?? '') : ''
      for (const _span of messages(scopeSpans, 2)) yield name
    }
  }
}

/** The length-delimited fields with that number, in a protobuf message. */
function* messages(message, wantedField) {
  let at = 0
  const readVarint = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++]
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = readVarint()
    const wireType = tag & 7
    if (wireType === 0) readVarint()
    else if (wireType === 1) at += 8
    else if (wireType === 5) at += 4
    else if (wireType === 2) {
      const length = readVarint()
      if (tag >> 3 === wantedField) yield message.subarray(at, at + length)
      at += length
    } else throw new Error(`protobuf wire type ${wireType}`)
  }
}

function* datadogLabels(body) {
  for (const trace of unpackr.unpack(body)) for (const span of trace) yield `${span.name} ${span.meta?.component ?? ''}`
}

/** A Sentry envelope is lines of JSON: a header, then pairs of item header and payload. */
function* sentryLabels(body) {
  const lines = body.toString().split('\n')
  for (const line of lines) {
    if (!line.startsWith('{')) continue
    const item = JSON.parse(line)
    const spans =
      item.type === 'transaction' ? [{ ...item.contexts?.trace, description: item.transaction }, ...(item.spans ?? [])] : (item.items ?? [])
    for (const span of spans) yield sentryLabel(span)
  }
}

function sentryLabel({ op, origin, description, name, attributes }) {
  const attribute = (key) => attributes?.[key]?.value ?? ''
  return [op, origin, attribute('sentry.op'), attribute('sentry.origin'), op ? '' : name, op?.startsWith('gen_ai') ? description : ''].join(
    ' ',
  )
}

function* elasticLabels(body) {
  for (const line of body.toString().split('\n')) {
    if (line === '') continue
    const { transaction, span } = JSON.parse(line)
    if (transaction) yield transaction.type
    if (span) yield `${span.type} ${span.subtype ?? ''}`
  }
}
