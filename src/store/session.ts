import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { FORMAT_VERSION } from '../core/layout.ts'
import { SessionNotFoundError } from '../errors.ts'
import { readTags } from './session-tags.ts'

/** What session.json says; unknown keys are kept. */
export interface SessionJson {
  format?: number
  session?: string
  service?: string
  startedAt?: string
  command?: string[]
  cwd?: string
  gitCommit?: string | null
  gitDirty?: boolean | null
  node?: string
  agent?: string
  host?: string
  tags?: string[]
  /** Switches of the app by name, from PERF_FLAGS. */
  flags?: Record<string, string>
  config?: Record<string, unknown>
  [key: string]: unknown
}

/** A session folder that was found. */
export interface Session {
  name: string
  folder: string
  /** Empty when session.json is missing or cannot be read; then `problem` says why. */
  json: SessionJson
  problem: string | undefined
  startedAt: Date | undefined
  /** As they are now; session.json holds those of the recording. */
  tags: string[]
}

/** An environment or spill file of one process instance. */
export interface HotSource {
  kind: 'lmdb' | 'spill'
  /** Name in `hot/`. */
  name: string
  path: string
  instance: string
  size: number
  changedMs: number
}

/** All sessions under `dir` (PERF_DIR), newest first. */
export function listSessions(dir: string): Session[] {
  const folder = path.join(dir, 'sessions')
  let names: string[]
  try {
    names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : [],
    )
  } catch {
    return []
  }
  return names.map((name) => readSession(path.join(folder, name))).sort((a, b) => order(b).localeCompare(order(a)))
}

const order = (session: Session): string => `${session.startedAt?.toISOString() ?? ''} ${session.name}`

/** Reads one session folder; never throws for what is in it. */
export function readSession(folder: string): Session {
  const name = path.basename(folder)
  let json: SessionJson = {}
  let problem: string | undefined
  try {
    const parsed: unknown = JSON.parse(readFileSync(path.join(folder, 'session.json'), 'utf8'))
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) json = parsed as SessionJson
    else problem = 'session.json does not hold an object'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    problem = code === 'ENOENT' ? 'session.json is missing' : `session.json cannot be read (${code ?? 'not valid JSON'})`
  }
  if ((json.format ?? 0) > FORMAT_VERSION)
    problem = `written in format ${json.format} by agent ${json.agent ?? '?'}; this version knows format ${FORMAT_VERSION} and reads what it can`
  return { name, folder, json, problem, startedAt: startOf(json, name), tags: readTags(folder, json.tags) }
}

function startOf(json: SessionJson, name: string): Date | undefined {
  const stamp = /_(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)_/.exec(name)
  const text = json.startedAt ?? (stamp ? `${stamp[1]}-${stamp[2]}-${stamp[3]}T${stamp[4]}:${stamp[5]}:${stamp[6]}Z` : '')
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? undefined : date
}

/**
 * The session `which` stands for: `last` (default), `last~2` (two before it), `tag:nightly` (the newest with that tag; `tag:nightly~1`), a name,
 * the beginning of one, its trailing id, or the path of its folder. Throws `SessionNotFoundError` with what to do.
 */
export function resolveSession(dir: string, which = 'last'): Session {
  // What a shell makes of a variable that is not set; it would be the beginning of every name.
  if (which === '') throw new SessionNotFoundError("An empty text names no session; 'perf-agent sessions' lists those there are.")
  const isRelative = /^(last|tag:.*)(~\d+)?$/.test(which)
  const asPath = path.resolve(which)
  if (!isRelative && (/[\\/]/.test(which) || existsSync(path.join(asPath, 'session.json')))) {
    if (!isSessionFolder(asPath)) throw new SessionNotFoundError(`There is no session folder at ${which}.`)
    return readSession(asPath)
  }
  const sessions = listSessions(dir)
  if (sessions.length === 0) {
    throw new SessionNotFoundError(
      `No session in ${shown(dir)}. Record one with: node --import @perf/agent app.js (or name the folder with --dir).`,
    )
  }
  return isRelative ? newestButN(sessions, which, dir) : byName(sessions, which, dir)
}

/** Whether a folder holds anything a session consists of. */
function isSessionFolder(folder: string): boolean {
  return ['session.json', 'hot', 'session.duckdb', path.join('archive', 'manifest.json')].some((name) =>
    existsSync(path.join(folder, name)),
  )
}

function newestButN(sessions: readonly Session[], which: string, dir: string): Session {
  const [, base = '', back = '0'] = /^(.*?)(?:~(\d+))?$/.exec(which) ?? []
  const tag = base.startsWith('tag:') ? base.slice('tag:'.length) : undefined
  const matches = tag === undefined ? sessions : sessions.filter((session) => session.tags.includes(tag))
  const found = matches[Number(back)]
  if (found !== undefined) return found
  const what = `${matches.length === 0 ? 'No' : `Only ${matches.length}`} ${matches.length === 1 ? 'session' : 'sessions'}`
  const tagged = tag === undefined ? '' : ` tagged '${tag}'`
  throw new SessionNotFoundError(`${what}${tagged} in ${shown(dir)}; 'perf-agent sessions' lists the ${sessions.length} there.`)
}

function byName(sessions: readonly Session[], which: string, dir: string): Session {
  const exact = sessions.find((session) => session.name === which)
  if (exact !== undefined) return exact
  const matches = sessions.filter((session) => session.name.startsWith(which) || session.name.endsWith(`_${which}`))
  if (matches.length > 1) {
    const names = matches.slice(0, 3).map((session) => session.name)
    throw new SessionNotFoundError(
      `'${which}' matches ${matches.length} sessions (${names.join(', ')}${matches.length > 3 ? ', …' : ''}); give more of the name.`,
    )
  }
  if (matches[0] === undefined)
    throw new SessionNotFoundError(`No session '${which}' in ${shown(dir)}; 'perf-agent sessions' lists the ${sessions.length} there.`)
  return matches[0]
}

function shown(dir: string): string {
  const relative = path.relative(process.cwd(), dir)
  return relative !== '' && !relative.startsWith('..') ? relative : dir
}

/** Environments and spill files of a session; environments first: a spill file may repeat what its environment holds. */
export function hotSources(session: Session): HotSource[] {
  const folder = path.join(session.folder, 'hot')
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch {
    return []
  }
  const sources = names.flatMap((name): HotSource[] => {
    const kind = name.endsWith('.lmdb') ? 'lmdb' : name.endsWith('.spill') ? 'spill' : undefined
    if (kind === undefined) return []
    const file = path.join(folder, name)
    const stat = statSync(kind === 'lmdb' ? path.join(file, 'data.mdb') : file, { throwIfNoEntry: false })
    return [{ kind, name, path: file, instance: name.split('.')[0] ?? name, size: stat?.size ?? 0, changedMs: stat?.mtimeMs ?? 0 }]
  })
  return sources.sort((a, b) => a.kind.localeCompare(b.kind))
}

/** Environments the writer set aside because they were damaged. */
export function damagedEnvironments(session: Session): string[] {
  try {
    return readdirSync(path.join(session.folder, 'hot')).filter((name) => name.includes('.lmdb.damaged-'))
  } catch {
    return []
  }
}
