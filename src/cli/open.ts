import path from 'node:path'
import { readConfig, readProjectConfig, type ProjectConfig } from '../config.ts'
import { openSession, type SessionReader } from '../store/query.ts'
import { resolveSession, type Session } from '../store/session.ts'
import type { CommonOptions } from './command.ts'
import { showProgress } from './render/progress.ts'

/** The folder of the sessions: `--dir`, else PERF_DIR, else its default. */
export function sessionsDir(options: CommonOptions): string {
  return options.dir === undefined ? readConfig(process.env, process.cwd()).dir : path.resolve(options.dir)
}

/** What `perf.config.json` of the working directory says of prices; one line on stderr when it cannot be read. */
export function ownPrices(): ProjectConfig['prices'] {
  const { prices, problem } = readProjectConfig(process.cwd())
  if (problem !== undefined) process.stderr.write(`perf-agent: ${problem}\n`)
  return prices
}

/** The session the options name. */
export function findSession(options: CommonOptions): Session {
  return resolveSession(sessionsDir(options), options.session)
}

/** Opens the session the options name, synced, with progress on a terminal when that takes long. */
export async function openNamedSession(options: CommonOptions & { sync?: boolean }): Promise<SessionReader> {
  const progress = showProgress('Reading new spans')
  try {
    return await openSession(findSession(options), {
      prices: ownPrices(),
      ...(options.sync === undefined ? {} : { sync: options.sync }),
      onProgress: ({ spans, done, total, waitingFor }) => {
        if (waitingFor !== undefined) progress.update(`waiting for process ${waitingFor}, which is syncing`)
        else progress.update(`${spans.toLocaleString('en-US')} spans, process ${Math.min(done + 1, total)} of ${total}`)
      },
    })
  } finally {
    progress.end()
  }
}
