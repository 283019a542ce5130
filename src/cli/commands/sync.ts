import { setTimeout as sleep } from 'node:timers/promises'
import { refreshFindings } from '../../analysis/refresh-findings.ts'
import { PerfError } from '../../errors.ts'
import { openSession } from '../../store/query.ts'
import { syncSession, type SyncResult } from '../../store/analytics/sync.ts'
import { listSessions, type Session } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { findSession, ownPrices, sessionsDir } from '../open.ts'
import { counted, duration } from '../render/format.ts'
import { showProgress, withProgress } from '../render/progress.ts'

const WATCH_EVERY_MS = 1000

/** `perf-agent sync`: brings session.duckdb up to date; exit 1 when something could not be read. */
export async function sync(_: undefined, options: CommonOptions & { watch?: boolean; all?: boolean }): Promise<number> {
  const chosen = options.all === true ? listSessions(sessionsDir(options)) : [findSession(options)]
  let isDamaged = false
  for (let round = 0; ; round++) {
    for (const session of chosen) {
      const result = await syncOne(session)
      isDamaged ||= result.problems.length > 0
      if (round === 0 || result.spans > 0) print(session, result, options.json === true)
      if (options.watch !== true && result.spans > 0) await withProgress('Looking for findings', findAhead(session))
    }
    if (options.watch !== true) return isDamaged ? 1 : 0
    await sleep(WATCH_EVERY_MS)
  }
}

/** So that the next report has them. Whoever holds the session meanwhile keeps it: they are looked for again when they are asked for. */
async function findAhead(session: Session): Promise<void> {
  try {
    await refreshFindings(await openSession(session, { sync: false }))
  } catch (error) {
    if (!(error instanceof PerfError)) throw error
  }
}

async function syncOne(session: Session): Promise<SyncResult> {
  const progress = showProgress(`Syncing ${session.name}`)
  try {
    return await syncSession(session, {
      prices: await ownPrices(),
      onProgress: ({ spans, waitingFor }) =>
        progress.update(waitingFor === undefined ? counted(spans, 'span') : `waiting for process ${waitingFor}`),
    })
  } finally {
    progress.end()
  }
}

function print(session: Session, result: SyncResult, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ session: session.name, ...result })}\n`)
  else {
    const what = result.spans > 0 ? `${counted(result.spans, 'new span')} from ${counted(result.instances, 'source')}` : 'up to date'
    process.stdout.write(`${session.name}: ${what} (${duration(result.durationMs)})\n`)
    for (const { source, reason } of result.problems) process.stdout.write(`! ${source}: ${reason}\n`)
  }
}
