import { lstatSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { hasDatabase, openDatabase } from '../store/analytics/database.ts'
import { openSource } from '../store/analytics/source.ts'
import { archiveFolder, isArchived, readManifest, type ArchiveManifest } from '../store/archive/manifest.ts'
import { sessionState, type ProcessState } from '../store/liveness.ts'
import { hotSources, listSessions, type Session } from '../store/session.ts'

/** One line of `perf-agent sessions`. */
export interface SessionSummary {
  session: string
  service: string | null
  state: ProcessState | 'empty' | 'unreadable'
  started_at: string | null
  /** Its records are in Parquet files. */
  archived: boolean
  processes: number
  /** `null` until the first sync. */
  spans: number | null
  bytes: number
  command: string[]
  tags: string[]
  /** Machine it was recorded on. */
  host: string | null
  folder: string
  problem: string | null
}

/** The newest sessions under `dir` that are `wanted`, without syncing them. */
export async function summarizeSessions(
  dir: string,
  limit: number,
  wanted: (session: Session) => boolean = () => true,
): Promise<{ sessions: SessionSummary[]; total: number }> {
  const all = listSessions(dir).filter(wanted)
  const sessions: SessionSummary[] = []
  for (const session of all.slice(0, limit)) sessions.push(await summarize(session, dir))
  return { sessions, total: all.length }
}

async function summarize(session: Session, dir: string): Promise<SessionSummary> {
  const { states, problems } = await readStates(session, dir)
  const manifest = manifestOf(session, problems)
  const readable = states.length > 0 || problems.length === 0
  const synced = manifest === undefined ? await syncedFigures(session) : undefined
  const known = states.length > 0 ? states : (synced?.states ?? [])
  return {
    session: session.name,
    service: session.json.service ?? null,
    state: states.length === 0 && manifest !== undefined ? manifest.state : readable ? sessionState(known) : 'unreadable',
    archived: manifest !== undefined,
    started_at: session.startedAt?.toISOString() ?? null,
    processes: manifest?.tables['processes']?.rows ?? known.length,
    spans: manifest?.tables['spans']?.rows ?? synced?.spans ?? null,
    bytes: folderBytes(session.folder),
    command: session.json.command ?? [],
    tags: session.tags,
    host: session.json.host ?? null,
    folder: session.folder,
    problem: session.problem ?? problems[0] ?? null,
  }
}

function manifestOf(session: Session, problems: string[]): ArchiveManifest | undefined {
  if (!isArchived(session.folder)) return undefined
  try {
    return readManifest(archiveFolder(session.folder))
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
    return undefined
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

/** What session.duckdb holds; nothing while it is missing or somebody writes it. */
async function syncedFigures(session: Session): Promise<{ spans: number; states: ProcessState[] } | undefined> {
  if (!hasDatabase(session.folder)) return undefined
  try {
    const { connection, close } = await openDatabase(session.folder, 'read', 0)
    try {
      const spans = await connection.runAndReadAll('SELECT count(*) FROM store.spans')
      const states = await connection.runAndReadAll('SELECT state FROM store.processes')
      return { spans: Number(spans.getRows()[0]?.[0] ?? 0), states: states.getRows().map(([state]) => String(state) as ProcessState) }
    } finally {
      close()
    }
  } catch {
    return undefined
  }
}

/** Bytes of all files in a folder, or of one file. */
export function folderBytes(folder: string): number {
  let total = 0
  try {
    const own = lstatSync(folder)
    if (!own.isDirectory()) return own.size
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name)
      total += entry.isDirectory() ? folderBytes(file) : (lstatSync(file, { throwIfNoEntry: false })?.size ?? 0)
    }
  } catch {
    // A folder that vanished or may not be read counts as empty.
  }
  return total
}
