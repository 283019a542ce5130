import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { makeFolder } from '../core/make-folder.ts'
import type { Redactor } from '../semantics/redaction.ts'
import { gitCommit } from './git-commit.ts'
import { redactArguments } from './redact-arguments.ts'

/** The process, as the app thread describes it to the writer and to a spill file. */
export interface ProcessInfo {
  instance: string
  parentInstance: string | null
  session: string
  sessionDir: string
  /** Absolute folder that its settings start from. */
  root: string
  service: string
  pid: number
  ppid: number
  argv: string[]
  execArgv: string[]
  cwd: string
  node: string
  platform: string
  arch: string
  host: string
  agent: string
  startedAt: string
  startNs: number
  /** Switches of the app by name (`PERF_FLAGS`). */
  flags: Record<string, string>
  tags: readonly string[]
}

/** Makes the session's folders and writes session.json once; the first process of a session wins. Throws when the disk says no. */
export function createSessionFolder(info: ProcessInfo, given: Record<string, string>, redactor: Redactor): void {
  makeFolder(path.join(info.sessionDir, 'hot'))
  const file = path.join(info.sessionDir, 'session.json')
  if (fs.existsSync(file)) return
  const session = {
    format: 1,
    session: info.session,
    service: info.service,
    startedAt: info.startedAt,
    command: redactArguments(info.argv, redactor),
    cwd: info.cwd,
    gitCommit: gitCommit(info.cwd) ?? null,
    gitDirty: null,
    node: info.node,
    agent: info.agent,
    host: info.host,
    platform: info.platform,
    arch: info.arch,
    flags: redactFlags(info.flags, redactor),
    tags: info.tags.map((tag) => redactor.redactText(tag)),
    config: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, redactor.redactText(value)])),
  }
  writeOnce(file, `${JSON.stringify(session, null, 2)}\n`)
}

/** Whether the process has stored something already, or a thread of it has: then how it ended is to be known, too. */
export function hasLeftFiles({ sessionDir, instance }: ProcessInfo): boolean {
  try {
    return fs.readdirSync(path.join(sessionDir, 'hot')).some((name) => name.startsWith(`${instance}.`))
  } catch {
    return false
  }
}

function redactFlags(flags: Record<string, string>, redactor: Redactor): Record<string, string> {
  return JSON.parse(redactor.redactJson(JSON.stringify(flags))) as Record<string, string>
}

/** Writes a whole file under a name that must not exist yet: complete or not there; nothing happens if another process was first. */
export function writeOnce(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  fs.writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' })
  try {
    fs.linkSync(temporary, file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') {
      fs.renameSync(temporary, file)
      return
    }
  }
  fs.unlinkSync(temporary)
}

/** The project's key for payload hashes, made on first use. */
export function projectKey(dir: string): Buffer {
  const file = path.join(dir, 'key')
  try {
    const key = fs.readFileSync(file)
    if (key.length === 32) return key
  } catch {
    // made below
  }
  makeFolder(dir)
  writeOnce(file, randomBytes(32))
  const key = fs.readFileSync(file)
  return key.length === 32 ? key : randomBytes(32)
}

/** The process as stored in LMDB and in spill files. */
export function processMeta(
  info: ProcessInfo,
  given: Record<string, string>,
  redactor: Redactor,
): Record<string, unknown> & { v: number; instance: string; session: string; pid: number } {
  const { sessionDir: _folder, root: _root, tags: _tags, ...rest } = info
  return {
    v: 1,
    ...rest,
    argv: redactArguments(info.argv, redactor),
    execArgv: redactArguments(info.execArgv, redactor),
    flags: redactFlags(info.flags, redactor),
    gitCommit: gitCommit(info.cwd) ?? null,
    config: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, redactor.redactText(value)])),
  }
}
