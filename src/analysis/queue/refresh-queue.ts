import { PerfError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import { REJECTED_TAG } from '../../store/session-tags.ts'
import { listSessions, type Session } from '../../store/session.ts'
import type { Violation } from '../audit/violation.ts'
import { findingsOf } from '../refresh-findings.ts'
import type { Finding } from '../finding.ts'
import { merge } from './merge.ts'
import { observe, type Observation } from './observe.ts'
import { readQueue, updateQueue, type Queue } from './queue-file.ts'

export interface RefreshOptions {
  /** Only these; default: the newest of the folder. */
  sessions?: readonly Session[]
  /** How many of the newest are looked at. */
  newest?: number
  open(session: Session): Promise<SessionReader>
  violationsOf(reader: SessionReader): Promise<Violation[]>
  onSession?(session: Session, done: number, total: number): void
  now?: () => Date
}

/** What a refresh did. */
export interface Refreshed {
  queue: Queue
  /** Names of the sessions that were taken. */
  taken: string[]
  /** Sessions that could not be read, one sentence each. */
  problems: string[]
}

/** Takes sessions that are new, or have grown, into the queue, oldest first; sessions without a span say nothing. */
export async function refreshQueue(dir: string, options: RefreshOptions): Promise<Refreshed> {
  const usable = listSessions(dir).filter(({ tags }) => !tags.includes(REJECTED_TAG))
  const newest = options.sessions ?? usable.slice(0, options.newest ?? 10)
  const { sessions: taken } = readQueue(dir)
  const wanted = newest.filter(({ name }) => options.sessions !== undefined || taken[name]?.is_over !== true).toReversed()
  const result: Refreshed = { queue: readQueue(dir), taken: [], problems: [] }
  for (const [i, session] of wanted.entries()) {
    options.onSession?.(session, i, wanted.length)
    try {
      const queue = await take(dir, session, options)
      if (queue !== undefined) result.taken.push(session.name)
      result.queue = queue ?? result.queue
    } catch (error) {
      // One session that cannot be read must not keep the others out.
      if (!(error instanceof PerfError) || error.code.startsWith('QUEUE')) throw error
      result.problems.push(`${session.name}: ${error.message}`)
    }
  }
  return result
}

/** `undefined` when there was nothing new. */
async function take(dir: string, session: Session, options: RefreshOptions): Promise<Queue | undefined> {
  const reader = await options.open(session)
  try {
    const [state] = await reader.rows<{ spans: number; is_over: boolean }>(
      `SELECT (SELECT count(*) FROM spans) AS spans, (SELECT count(*) FROM processes WHERE state = 'live') = 0 AS is_over`,
    )
    const before = readQueue(dir)
    const known = before.sessions[session.name]
    if (state === undefined || state.spans === 0) return undefined
    if (known?.spans === state.spans && known.is_over === state.is_over) return undefined
    const found = await findIn(reader, options)
    const observation = await observe(reader, found, before.candidates)
    return await enter(dir, session, state, observation, (options.now ?? (() => new Date()))())
  } finally {
    reader.close()
  }
}

async function findIn(reader: SessionReader, options: RefreshOptions): Promise<{ findings: Finding[]; violations: Violation[] }> {
  return { findings: await findingsOf(reader), violations: await options.violationsOf(reader) }
}

function enter(
  dir: string,
  session: Session,
  state: { spans: number; is_over: boolean },
  observation: Observation,
  now: Date,
): Promise<Queue> {
  return updateQueue(dir, (queue) => {
    const candidates = merge(queue.candidates, observation, now.toISOString())
    const updated: Queue = { ...queue, sessions: { ...queue.sessions, [session.name]: state }, candidates }
    return { queue: updated, result: updated }
  })
}
