import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startApp } from './app-process.mjs'
import { repositoryRoot } from './paths.mjs'

const requestsPerRoute = 20
const routes = ['hello', 'sql', 'ai']

/**
 * Runs the app under a variant, sends a few requests and counts the spans that arrived, exactly as it will be measured.
 * @returns {Promise<{ spans: Record<string, number>, refused: string | null }>} `refused` says why this variant must not be measured
 */
export async function proveRecording({ node, variant, services, folder }) {
  const missing = variant.missing?.()
  if (missing) return { spans: {}, refused: missing }
  if (variant.mustRecord.length === 0) return { spans: {}, refused: null }
  let app
  try {
    app = await startApp({ node, variant, services, folder })
    for (const route of routes) for (let n = 0; n < requestsPerRoute; n += 1) await request(`${app.url}/${route}`)
    const spans = variant.name === 'perf' ? await countInStore(app) : await countInSink(app, services)
    return { spans, refused: refusal(variant, spans, app.complaints()) }
  } catch (error) {
    return { spans: {}, refused: error.message.trim() }
  } finally {
    await app?.stop()
  }
}

/** Sends one request and reads the whole answer. */
export async function request(url) {
  const response = await fetch(url)
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
}

/** Peers send every 1 to 10 seconds by default. */
async function countInSink(app, services) {
  const { name, mustRecord } = app.variant
  for (let waitedMs = 0; ; waitedMs += 250) {
    const spans = (await services.sink.counts())[name] ?? {}
    if (mustRecord.every((layer) => spans[layer] > 0) || waitedMs >= 14_000) return spans
    await sleep(250)
  }
}

async function countInStore(app) {
  await app.stop()
  return countSpans(app.folder)
}

/** Reads a session folder the way a user does: spans by layer, PostgreSQL and Redis apart, `http` the requests served. */
export async function countSpans(folder) {
  const cli = join(repositoryRoot, 'dist', 'cli.js')
  if (!existsSync(cli)) throw new Error('dist/cli.js is missing: npm run build')
  const query = 'SELECT layer, integration, kind, count(*)::INTEGER AS spans FROM spans GROUP BY ALL'
  const { stdout } = await promisify(execFile)(process.execPath, [cli, 'sql', '--json', '--dir', folder, query], { maxBuffer: 1 << 26 })
  const spans = {}
  for (const row of JSON.parse(stdout)) {
    const layer =
      { pg: 'pg', ioredis: 'redis' }[row.integration] ?? (row.layer === 'http' && row.kind !== 'server' ? 'http client' : row.layer)
    spans[layer] = (spans[layer] ?? 0) + Number(row.spans)
  }
  return spans
}

/** Peers must be seen recording every layer; this project must have every single request and call. */
function refusal(variant, spans, complaints) {
  const expected = variant.name === 'perf' ? { http: 3, pg: 3, redis: 4, ai: 1 } : {}
  const lacking = variant.mustRecord.filter((layer) => (spans[layer] ?? 0) < (expected[layer] ?? 1 / requestsPerRoute) * requestsPerRoute)
  if (lacking.length === 0) return null
  const seen = Object.entries(spans).map(([layer, count]) => `${layer} ${count}`)
  return `too few spans of ${lacking.join(', ')} (seen: ${seen.join(', ') || 'none'}) ${complaints}`.trim()
}
