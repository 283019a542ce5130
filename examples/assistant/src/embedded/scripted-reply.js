// How a scripted server answers: whole bodies, server-sent events and other frames, and the ways they can break.
import { setTimeout as delay } from 'node:timers/promises'

/**
 * The answers a route may give. Markers handled here: `[[disconnect:n]]` (after n events, default half; also for whole
 * bodies), `[[error:n]]` (the provider's error event in the middle), `[[truncate:n]]` (a clean end that comes too early),
 * `[[gap:ms]]` between events, `[[slow:ms]]` before the first, `[[fragment:bytes]]` (frames cut into pieces of that size).
 */
export function createReply(response, { provider, recorded, markers, timing }) {
  const head = (status, headers) => {
    recorded.status = status
    response.writeHead(status, { ...provider.headers(), ...headers })
  }

  function bytes(status, type, content, headers = {}) {
    const buffer = Buffer.from(content)
    const isBroken = status < 400 && markers.has('disconnect')
    // node-fetch 2 (openai 4) waits for ever when a body with a known length ends early, so a broken one is chunked.
    head(status, { 'content-type': type, ...(!isBroken && { 'content-length': buffer.length }), ...headers })
    if (isBroken) breakOff(response, buffer.subarray(0, buffer.length / 2))
    else response.end(buffer)
  }

  const json = (status, value, headers) => bytes(status, 'application/json', JSON.stringify(value), headers)
  const error = (status, message, headers) => json(status, provider.errorBody(status, message), headers)

  // `retry-after` counts whole seconds; both SDKs prefer `retry-after-ms`, which keeps the tests quick.
  function failure(status, retryAfterMs) {
    const isBusy = status === 429 || status === 529 || status === 503
    const retryHeaders = isBusy ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}
    error(status, `Scripted failure ${status}`, { ...retryHeaders, 'retry-after-ms': String(retryAfterMs) })
  }

  // `frames` as they go over the wire; `failing` makes the one of `[[error:n]]`.
  async function frames(type, frames, failing) {
    head(200, { 'content-type': type, 'cache-control': 'no-cache', connection: 'keep-alive' })
    response.flushHeaders()
    const half = Math.floor(frames.length / 2)
    const disconnectAt = markers.has('disconnect') ? markers.number('disconnect', half) : Infinity
    const errorAt = markers.has('error') ? markers.number('error', half) : Infinity
    const truncateAt = markers.has('truncate') ? markers.number('truncate', half) : Infinity
    for (const [index, frame] of frames.entries()) {
      if (index > 0 || timing.firstTokenMs > 0) await delay(index === 0 ? timing.firstTokenMs : timing.gapMs)
      if (response.destroyed) return
      if (index >= disconnectAt) return breakOff(response)
      if (index >= truncateAt) break
      if (index >= errorAt) {
        await writeFrame(response, failing(index), markers)
        break
      }
      await writeFrame(response, frame, markers)
    }
    response.end()
  }

  const stream = (events) =>
    frames('text/event-stream; charset=utf-8', events.map(eventFrame), (index) => eventFrame(provider.errorEvent(index)))

  return { json, bytes, error, failure, frames, stream }
}

function eventFrame({ event, data }) {
  return `${event ? `event: ${event}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
}

async function writeFrame(response, content, markers) {
  const frame = Buffer.from(content)
  const size = markers.number('fragment', frame.length)
  for (let start = 0; start < frame.length && !response.destroyed; start += size) {
    if (!response.write(frame.subarray(start, start + size))) await drained(response)
    if (size < frame.length) await delay(0)
  }
}

const drained = (response) =>
  new Promise((resolve) => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })

// What was written has to leave first, or the client sees a refused answer instead of one that breaks off.
function breakOff(response, part = '') {
  response.write(part, () => setTimeout(() => response.destroy(), 5))
}
