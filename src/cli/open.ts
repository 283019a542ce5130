import { existsSync } from 'node:fs'
import path from 'node:path'
import { refreshFindings } from '../analysis/refresh-findings.ts'
import { readConfig, type ProjectConfig } from '../config.ts'
import { PerfError } from '../errors.ts'
import { openSession, type SessionReader } from '../store/query.ts'
import { resolveSession, type Session } from '../store/session.ts'
import type { CommonOptions } from './command.ts'
import { counted } from './render/format.ts'
import { showProgress, withProgress } from './render/progress.ts'

/** The folder of the sessions: `--dir`, else PERF_DIR, else its default. */
export function sessionsDir(options: CommonOptions): string {
  return options.dir === undefined ? readConfig(process.env, process.cwd()).dir : path.resolve(options.dir)
}

/** What `perf.config.json` of the working directory says of prices; one line on stderr when it cannot be used. */
export async function ownPrices(): Promise<ProjectConfig['prices']> {
  if (!existsSync('perf.config.json')) return undefined
  try {
    const { readConfigFile } = await import('./project-config.ts')
    return readConfigFile().config.prices
  } catch (error) {
    if (!(error instanceof PerfError)) throw error
    process.stderr.write(`perf-agent: perf.config.json is not used: ${error.message.replace(/^perf\.config\.json:? /, '')}\n`)
    return undefined
  }
}

/** The session the options name. */
export function findSession(options: CommonOptions): Session {
  return resolveSession(sessionsDir(options), options.session)
}

/** So many new spans make it worth to keep what the analysis finds in them. */
const MANY_SPANS = 100_000

/** As `openNamedSession`, and where much was new, its findings are looked for and stored: whoever asks next finds them done. */
export async function openForFindings(options: CommonOptions): Promise<SessionReader> {
  const reader = await openNamedSession(options)
  if ((reader.synced?.spans ?? 0) < MANY_SPANS) return reader
  const { session } = reader
  try {
    await withProgress('Looking for findings', refreshFindings(reader))
  } catch (error) {
    // Held or not writable: they are looked for again, for this once.
    if (!(error instanceof PerfError)) throw error
  }
  return await openSession(session, { sync: false })
}

/** Opens the session the options name, synced, with progress on a terminal when that takes long. */
export async function openNamedSession(options: CommonOptions & { sync?: boolean }): Promise<SessionReader> {
  const progress = showProgress('Reading new spans')
  try {
    return await openSession(findSession(options), {
      prices: await ownPrices(),
      ...(options.sync === undefined ? {} : { sync: options.sync }),
      onProgress: ({ spans, done, total, waitingFor }) => {
        if (waitingFor !== undefined) progress.update(`waiting for process ${waitingFor}, which is syncing`)
        else progress.update(`${counted(spans, 'span')}, process ${Math.min(done + 1, total)} of ${total}`)
      },
    })
  } finally {
    progress.end()
  }
}
