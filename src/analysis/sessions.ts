import { lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { hasDatabase, openDatabase } from '../store/analytics/database.ts'
import { openSource } from '../store/analytics/source.ts'
import { sessionState, type ProcessState } from '../store/liveness.ts'
import { hotSources, listSessions, type Session } from '../store/session.ts'

/** One line of `perf-agent sessions`. */
export interface SessionSummary {
  session: string
  service: string | null
  state: ProcessState | 'empty' | 'unreadable'
  started_at: string | null
  processes: number
  /** `null` until the first sync. */
  spans: number | null
  bytes: number
  command: string[]
  tags: string[]
  folder: string
  problem: string | null
}

/** The newest sessions under `dir`, without syncing them. */
export async function summarizeSessions(dir: string, limit: number): Promise<{ sessions: SessionSummary[]; total: number }> {
  const all = listSessions(dir)
  const sessions: SessionSummary[] = []
  for (const session of all.slice(0, limit)) sessions.push(await summarize(session, dir))
  return { sessions, total: all.length }
}

async function summarize(session: Session, dir: string): Promise<SessionSummary> {
  const { states, problems } = await readStates(session, dir)
  const readable = states.length > 0 || problems.length === 0
  return {
    session: session.name,
    service: session.json.service ?? null,
    state: readable ? sessionState(states) : 'unreadable',
    started_at: session.startedAt?.toISOString() ?? null,
    processes: states.length,
    spans: await syncedSpans(session),
    bytes: folderBytes(session.folder),
    command: session.json.command ?? [],
    tags: session.json.tags ?? [],
    folder: session.folder,
    problem: session.problem ?? problems[0] ?? null,
  }
}

async function readStates(session: Session, dir: string): Promise<{ states: ProcessState[]; problems: string[] }> {
  const states = new Map<string, ProcessState>()
  const problems: string[] = []
  for (const source of hotSources(session)) {
    const reader = await openSource(source, dir)
    if (reader.problem !== undefined) problems.push(`${source.name}: ${reader.problem}`)
    if (reader.process !== undefined && (source.kind === 'lmdb' || !states.has(source.instance) || reader.state === 'done'))
      states.set(source.instance, reader.state)
    await reader.close()
  }
  return { states: [...states.values()], problems }
}

async function syncedSpans(session: Session): Promise<number | null> {
  if (!hasDatabase(session.folder)) return null
  try {
    const database = await openDatabase(session.folder, 'read', 0)
    try {
      return Number((await database.connection.runAndReadAll('SELECT count(*) FROM store.spans')).getRows()[0]?.[0] ?? 0)
    } finally {
      database.close()
    }
  } catch {
    return null
  }
}

function folderBytes(folder: string): number {
  let total = 0
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name)
      total += entry.isDirectory() ? folderBytes(file) : (lstatSync(file, { throwIfNoEntry: false })?.size ?? 0)
    }
  } catch {
    // A folder that vanished or may not be read counts as empty.
  }
  return total
}
