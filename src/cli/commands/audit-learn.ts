import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ThresholdLearner, mergeLearned } from '../../analysis/audit/learn.ts'
import { PerfError, UsageError } from '../../errors.ts'
import { openSession } from '../../store/query.ts'
import { REJECTED_TAG } from '../../store/session-tags.ts'
import { listSessions, resolveSession, type Session } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { ownPrices, sessionsDir } from '../open.ts'
import { readConfigFile, type ConfigFile } from '../project-config.ts'
import { renderLearning } from '../render/audit-learning.ts'
import { showProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { withThresholds } from '../write-thresholds.ts'
import { positiveInteger } from './report.ts'

export interface LearnCommandOptions extends CommonOptions {
  config?: string
  write?: boolean
  margin?: string
  minSessions?: string
  minCalls?: string
}

/** Earlier sessions that are looked at, at most. */
const MAX_SESSIONS = 50
/** Names that get thresholds, at most. */
const MAX_NAMES = 20

/** `perf-agent audit --learn`: proposes thresholds from earlier sessions of the service; `--write` puts them into perf.config.json. */
export async function learn(options: LearnCommandOptions): Promise<number> {
  const margin = Number(options.margin ?? '20')
  if (!(margin >= 0 && margin <= 1000)) throw new UsageError(`--margin needs a percentage from 0 to 1000, not '${options.margin}'.`)
  const minSessions = positiveInteger('--min-sessions', options.minSessions ?? '5')
  const minCalls = positiveInteger('--min-calls', options.minCalls ?? '20')
  const file = readConfigFile(options.config)
  const dir = sessionsDir(options)
  const latest = resolveSession(dir, options.session)
  const at = new Date().toISOString().slice(0, 10)
  const learner = new ThresholdLearner({ minSessions, minCalls, margin: margin / 100, limit: MAX_NAMES, at })
  const unread = await collect(learner, earlierSessions(dir, latest))
  const learning = learner.result()
  const merged = mergeLearned(file.config.thresholds ?? [], learning.thresholds)
  const isWritten = options.write === true && merged.replace.length + merged.add.length > 0
  if (isWritten) writeConfig(file, merged)
  const facts = { service: latest.json.service ?? null, ...learning, kept: merged.kept, unread, written: isWritten ? file.path : null }
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(facts, null, process.stdout.isTTY ? 2 : undefined)}\n`
      : renderLearning(terminalOf(), {
          ...facts,
          minSessions,
          minCalls,
          wantsWrite: options.write === true,
          file: path.basename(file.path),
        }),
  )
  return 0
}

/** Sessions of the same service up to the named one, newest first. */
function earlierSessions(dir: string, latest: Session): Session[] {
  const all = listSessions(dir)
  const from = all.findIndex(({ folder }) => folder === latest.folder)
  return all.slice(Math.max(0, from)).filter(({ json, tags }) => json.service === latest.json.service && !tags.includes(REJECTED_TAG))
}

/** Reads the sessions that are over; gives the names of those that cannot be read. */
async function collect(learner: ThresholdLearner, sessions: readonly Session[]): Promise<string[]> {
  const unread: string[] = []
  const progress = showProgress('Reading sessions')
  try {
    const prices = await ownPrices()
    let used = 0
    for (const [i, session] of sessions.entries()) {
      if (used === MAX_SESSIONS) break
      progress.update(`${i + 1} of ${sessions.length}: ${session.name}`)
      try {
        const reader = await openSession(session, prices === undefined ? {} : { prices })
        try {
          const [live] = await reader.rows<{ n: number }>(`SELECT count(*) AS n FROM processes WHERE state = 'live'`)
          if ((live?.n ?? 0) > 0) continue
          await learner.add(reader)
          used++
        } finally {
          reader.close()
        }
      } catch (error) {
        if (!(error instanceof PerfError)) throw error
        unread.push(session.name)
      }
    }
  } finally {
    progress.end()
  }
  return unread
}

function writeConfig(file: ConfigFile, merged: Parameters<typeof withThresholds>[1]): void {
  try {
    writeFileSync(file.path, withThresholds(file.text, merged))
  } catch (error) {
    throw new PerfError('CONFIG_FILE', `${file.path} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`, 2, {
      cause: error,
    })
  }
}
