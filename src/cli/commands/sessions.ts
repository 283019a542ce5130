import path from 'node:path'
import { summarizeSessions } from '../../analysis/sessions.ts'
import { UsageError } from '../../errors.ts'
import { changeTags } from '../../store/session-tags.ts'
import { resolveSession, type Session } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { sessionsDir } from '../open.ts'
import { sessionList } from '../render/sessions.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

type SessionsOptions = CommonOptions & { limit?: string; tag?: string }

/** `perf-agent sessions`: what was recorded, newest first; `sessions tag <session> <tags…>` and `untag` change tags. */
export async function sessions(words: string[], options: SessionsOptions): Promise<void> {
  const [action, which, ...tags] = words
  if (action === 'tag' || action === 'untag') return await tagSession(action, which, tags, options)
  if (action !== undefined)
    throw new UsageError(
      `There is no 'sessions ${action}'; there are: sessions, sessions tag <session> <tags…>, sessions untag <session> <tags…>.`,
    )
  const dir = sessionsDir(options)
  const limit = positiveInteger('--limit', options.limit ?? '20')
  const { sessions: shown, total } = await summarizeSessions(dir, limit, filterOf(dir, options))
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(shown, null, process.stdout.isTTY ? 2 : undefined)}\n`)
    return
  }
  if (shown.length === 0) {
    const tagged = options.tag === undefined ? '' : ` tagged '${options.tag}'`
    const hint = tagged === '' ? ' Record one with: node --import @perf/agent app.js' : ''
    process.stdout.write(`No sessions${tagged} in ${path.relative(process.cwd(), dir) || dir}.${hint}\n`)
    return
  }
  process.stdout.write(sessionList(terminalOf(), shown, total))
}

function filterOf(dir: string, { session: which, tag }: SessionsOptions): (session: Session) => boolean {
  const hasTag = (session: Session): boolean => tag === undefined || session.tags.includes(tag)
  if (which === undefined) return hasTag
  if (!/^(last|tag:)|[\\/]/.test(which)) return (session) => hasTag(session) && session.name.startsWith(which)
  const only = resolveSession(dir, which).name
  return (session) => hasTag(session) && session.name === only
}

async function tagSession(action: 'tag' | 'untag', which: string | undefined, given: string[], options: SessionsOptions): Promise<void> {
  // With --session every word is a tag.
  const [name, tags] = options.session === undefined ? [which, given] : [options.session, which === undefined ? [] : [which, ...given]]
  if (name === undefined || tags.length === 0)
    throw new UsageError(`Name a session and at least one tag: perf-agent sessions ${action} last nightly`)
  const session = resolveSession(sessionsDir(options), name)
  const left = await changeTags(session, action === 'tag' ? { add: tags } : { remove: tags })
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ session: session.name, tags: left })}\n`
      : `${session.name}: ${left.length === 0 ? 'no tags' : left.join(', ')}\n`,
  )
}
