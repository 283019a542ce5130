import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Redactor } from '../semantics/redaction.ts'
import { gitCommit } from './git-commit.ts'
import { redactArguments } from './redact-arguments.ts'

/** The process, as the app thread describes it to the writer and to a spill file. */
export interface ProcessInfo {
  instance: string
  parentInstance: string | null
  session: string
  sessionDir: string
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
}

/** Makes the session's folders and writes session.json once; the first process of a session wins. Throws when the disk says no. */
export function createSessionFolder(info: ProcessInfo, given: Record<string, string>, redactor: Redactor): void {
  fs.mkdirSync(path.join(info.sessionDir, 'hot'), { recursive: true, mode: 0o700 })
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
    tags: [],
    config: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, redactor.redactText(value)])),
  }
  writeOnce(file, `${JSON.stringify(session, null, 2)}\n`)
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
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
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
  const { sessionDir: _folder, ...rest } = info
  return {
    v: 1,
    ...rest,
    argv: redactArguments(info.argv, redactor),
    execArgv: redactArguments(info.execArgv, redactor),
    gitCommit: gitCommit(info.cwd) ?? null,
    config: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, redactor.redactText(value)])),
  }
}
