import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { FolderNotWritableError, UsageError } from '../errors.ts'
import { acquireLock } from './analytics/lock.ts'
import type { Session } from './session.ts'

const FILE = 'tags.json'

/** Tag of a session that `perf-agent audit` rejected: its command did not behave the same with the agent. */
export const REJECTED_TAG = 'audit-rejected'

/** The tags of a session: what `tags.json` says, else those it was recorded with. */
export function readTags(folder: string, recorded: unknown): string[] {
  try {
    const { tags } = JSON.parse(readFileSync(path.join(folder, FILE), 'utf8')) as { tags?: unknown }
    if (Array.isArray(tags)) return texts(tags)
  } catch {
    // Never changed by hand.
  }
  return Array.isArray(recorded) ? texts(recorded) : []
}

const texts = (values: readonly unknown[]): string[] => [...new Set(values.filter((value) => typeof value === 'string'))]

/** Adds and removes tags and gives those the session has then. session.json is written once; `tags.json` beside it holds what was changed. */
export async function changeTags(session: Session, change: { add?: readonly string[]; remove?: readonly string[] }): Promise<string[]> {
  for (const tag of [...(change.add ?? []), ...(change.remove ?? [])]) checkTag(tag)
  const release = await acquireLock(path.join(session.folder, 'tags.lock'), { doing: 'changing the tags of this session' })
  try {
    const before = readTags(session.folder, session.json.tags)
    const tags = [...new Set([...before, ...(change.add ?? [])])].filter((tag) => change.remove?.includes(tag) !== true)
    const file = path.join(session.folder, FILE)
    const temporary = `${file}.${process.pid}.tmp`
    writeFileSync(temporary, `${JSON.stringify({ tags }, null, 2)}\n`, { mode: 0o600 })
    renameSync(temporary, file)
    return tags
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new FolderNotWritableError(`Cannot tag: ${session.folder} is not writable (${code}).`, { cause: error })
  } finally {
    release()
  }
}

function checkTag(tag: string): void {
  if (!/^[\w][\w.:=/@+-]{0,63}$/.test(tag))
    throw new UsageError(
      `'${tag}' is not a tag: letters, digits and . : = / @ + - _, at most 64 of them, beginning with a letter, digit or _.`,
    )
}
