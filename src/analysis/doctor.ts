import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { SessionReader } from '../store/query.ts'

/** A package an app loaded, and what became of it. */
export interface PackageReport {
  name: string
  version: string | null
  integration: string | null
  status: string
  reason: string | null
  format: string | null
  path: string | null
  missing: string[]
  processes: number
}

/** One check of the machine. */
export interface Check {
  name: string
  state: 'ok' | 'warning' | 'failed'
  detail: string
}

/** Packages the session's processes loaded: the ones that were not instrumented first. */
export async function packageReports(reader: SessionReader): Promise<PackageReport[]> {
  const rows = await reader.rows<Omit<PackageReport, 'missing'> & { missing: (string[] | null)[] | null }>(
    `SELECT name, version, min(integration) AS integration, status, min(reason) AS reason, format, min(path) AS path, list(missing) AS missing, count(DISTINCT process) AS processes
     FROM packages GROUP BY name, version, status, format ORDER BY status = 'wrapped', name, version, format`,
  )
  return rows.map((row) => ({ ...row, missing: [...new Set((row.missing ?? []).flat().filter((name) => name !== null))] }))
}

/** AI calls of a client without an integration, which its requests gave away. */
export interface RecognisedCalls {
  provider: string | null
  host: string | null
  /** What saw the requests: `undici`, `http-client`. */
  integration: string
  calls: number
}

/** AI calls that were recognised by host and path alone, by where they went. */
export function recognisedCalls(reader: SessionReader): Promise<RecognisedCalls[]> {
  return reader.rows(
    `SELECT provider, server AS host, integration, round(sum(weight))::BIGINT AS calls FROM (
       SELECT attributes->>'gen_ai.provider.name' AS provider, attributes->>'server.address' AS server, integration, weight
       FROM spans WHERE layer = 'ai' AND (attributes->>'perf.ai.recognised_by') = 'host')
     GROUP BY ALL ORDER BY calls DESC, host`,
  )
}

const OLDEST_NODE = [20, 19] as const

/** Checks what recording and reading need on this machine. */
export async function environmentChecks(dir: string): Promise<Check[]> {
  return [
    nodeVersion(),
    writableFolder(dir),
    await nativeModule('lmdb', () => import('lmdb')),
    await nativeModule('@duckdb/node-api', () => import('@duckdb/node-api')),
    preload(),
    children(),
  ]
}

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])
  return { name: 'Node.js', state: isOld ? 'failed' : 'ok', detail: isOld ? `${process.version}: needs 20.19 or newer` : process.version }
}

function writableFolder(dir: string): Check {
  const name = 'session folder'
  const existing = firstExisting(dir)
  try {
    if (existing === dir) {
      const probe = path.join(dir, `.probe-${process.pid}`)
      writeFileSync(probe, '')
      rmSync(probe)
    } else accessSync(existing, constants.W_OK)
    return { name, state: 'ok', detail: existing === dir ? `${dir} is writable` : `${dir} can be created` }
  } catch (error) {
    return {
      name,
      state: 'failed',
      detail: `${dir} is not writable (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}): set PERF_DIR`,
    }
  }
}

function firstExisting(folder: string): string {
  return existsSync(folder) || path.dirname(folder) === folder ? folder : firstExisting(path.dirname(folder))
}

async function nativeModule(name: string, load: () => Promise<unknown>): Promise<Check> {
  try {
    await load()
    return { name, state: 'ok', detail: 'its native module loads' }
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
    return { name, state: 'failed', detail: `its native module does not load: ${reason.slice(0, 160)}` }
  }
}

function preload(): Check {
  const options = process.env['NODE_OPTIONS'] ?? ''
  const isSet = /perf[/\\]agent|register\.js/.test(options)
  return {
    name: 'preload',
    state: 'ok',
    detail: isSet
      ? 'NODE_OPTIONS loads the agent into every Node.js process'
      : 'node --import @perf/agent app.js, or perf-agent run app.js',
  }
}

function children(): Check {
  return {
    name: 'child processes',
    state: 'ok',
    detail:
      'fork, cluster and worker threads inherit --import; other node children (npm scripts, npx, spawned shells) join under perf-agent run',
  }
}
