// Sends the requests, a few at a time, and checks every answer.
const CONCURRENCY = 8
const REQUEST_TIMEOUT_MS = 15_000

/**
 * Gives a line for every answer that was not as expected.
 * @param {{ limitMs: number, say(text: string): void }} options `limitMs`: no request is sent after that; `say` shows progress
 * @returns {Promise<string[]>}
 */
export async function drive(url, requests, { limitMs, say }) {
  const failures = []
  const deadline = performance.now() + limitMs
  const remaining = requests.values()
  let done = 0
  async function work() {
    for (const request of remaining) {
      if (performance.now() > deadline) return
      const problem = await send(url, request).catch((error) => error.message)
      if (problem) failures.push(`${request.method} ${request.path} ${request.body ? JSON.stringify(request.body) : ''}: ${problem}`)
      if (++done % 50 === 0 || done === requests.length) say(`traffic: ${done} of ${requests.length} requests`)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  if (done < requests.length) failures.push(`only ${done} of ${requests.length} requests were sent within ${limitMs / 1000} s`)
  return failures
}

async function send(url, { method, path, body, check, status, isStream, leavesEarly }) {
  const left = new AbortController()
  const signal = AbortSignal.any([left.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
  const headers = body && { 'content-type': 'application/json' }
  const response = await fetch(url + path, { method, signal, ...(body && { headers, body: JSON.stringify(body) }) })
  if (leavesEarly) {
    await response.body.getReader().read()
    left.abort()
    return undefined
  }
  const text = await response.text()
  if (response.status !== status) return `status ${response.status} instead of ${status}: ${text.slice(0, 200)}`
  const answer = isStream ? readEvents(text) : JSON.parse(text)
  return check(answer) ? undefined : `unexpected answer: ${text.slice(0, 200)}`
}

const readEvents = (text) => [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json))
