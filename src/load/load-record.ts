import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { makeFolder } from '../core/make-folder.ts'
import { FolderNotWritableError } from '../errors.ts'
import type { LoadFigures } from './figures.ts'
import type { LoadLimits, StressResult } from './find-limit.ts'
import type { LoadRequest } from './load-client.ts'
import type { LoadPlan } from './run-load.ts'

/** What is kept of a load run. */
export interface LoadRecord {
  startedAt: Date
  request: LoadRequest
  plan: LoadPlan
  limits: LoadLimits
  figures: LoadFigures | undefined
  stress: StressResult | undefined
  broken: readonly string[]
  /** What sessions recorded of the slowest. */
  recorded: readonly unknown[]
  /** The user ended it. */
  stopped: boolean
}

/**
 * Keeps a load run as `<PERF_DIR>/load/<host>_<YYYYMMDD-HHMMSS>_<4 hex>.json` and gives the file. Nothing of it is secret: of the URL the query, of
 * headers the values and of the body the content are left out. Throws `FolderNotWritableError`.
 */
export function keepRecord(dir: string, record: LoadRecord): string {
  const { startedAt, request, plan, limits, figures, stress, broken, recorded, stopped } = record
  const stamp = startedAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const name = `${request.url.host.replaceAll(/[^A-Za-z0-9.-]+/g, '-')}_${stamp}_${randomBytes(2).toString('hex')}.json`
  const file = path.join(dir, 'load', name)
  const content = {
    format: 1,
    started_at: startedAt.toISOString(),
    url: `${request.url.origin}${request.url.pathname}`,
    method: request.method,
    headers: Object.keys(request.headers),
    body_bytes: request.body === undefined ? 0 : Buffer.byteLength(request.body),
    connections: plan.connections,
    rate: plan.rate ?? null,
    ramp_ms: plan.rampMs,
    duration_ms: plan.durationMs,
    limits: { p99_ms: limits.p99Ms ?? null, failed_share: limits.failed ?? null },
    stopped,
    broken,
    figures: figures ?? null,
    stress: stress ?? null,
    recorded,
  }
  try {
    makeFolder(path.dirname(file))
    writeFileSync(`${file}.tmp`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
    renameSync(`${file}.tmp`, file)
  } catch (error) {
    throw new FolderNotWritableError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`, {
      cause: error,
    })
  }
  return file
}
