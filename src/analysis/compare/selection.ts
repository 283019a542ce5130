import { UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import { listSessions, resolveSession, type Session } from '../../store/session.ts'
import { sqlText } from './sql-text.ts'

/** A set of spans over one or several sessions, as a user writes it. */
export interface Selection {
  /** As it was written. */
  text: string
  /** Oldest first. */
  sessions: Session[]
  /** What the conditions fix for every span: comparing by it would leave nothing in common. */
  fixes: ReadonlySet<string>
  /** Condition on the spans `s` of one of the sessions. */
  where(reader: SessionReader): Promise<string>
}

/** Sessions one side takes in at most, the newest first. */
export const MAX_SESSIONS = 20

interface Condition {
  keeps?: (session: Session) => boolean
  where?: (reader: SessionReader) => string | Promise<string>
}

/**
 * Reads a selection: a session (name, start of one, `last`, `last~1`, folder), or conditions `tag:`, `commit:`, `service:`, `model:`, `variant:`,
 * `flag:NAME=value`, `half:first`, several of them with commas between. Conditions without a session look through the newest sessions of the
 * folder. Throws `UsageError` for what is none of these, and for a selection of no session.
 */
export function readSelection(dir: string, text: string, session?: string): Selection {
  const parts = text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))
  const named = parts.filter((part) => conditionOf(part) === undefined)
  const conditions = parts.flatMap((part) => conditionOf(part) ?? [])
  if (named.length > 1)
    throw new UsageError(`'${text}' names ${named.length} sessions; give one, or conditions such as tag:nightly,model:gpt-4o.`)
  const name = named[0] ?? session
  const candidates = name === undefined ? listSessions(dir) : [resolveSession(dir, name)]
  const kept = candidates.filter((candidate) => conditions.every(({ keeps }) => keeps?.(candidate) ?? true))
  if (kept.length === 0)
    throw new UsageError(
      candidates.length === 0
        ? `There are no sessions yet. Record one with: node --import @perf/agent app.js`
        : `No session fits '${text}'; 'perf-agent sessions --json' shows tags and commits of the ${candidates.length} there.`,
    )
  return {
    text,
    sessions: kept.slice(0, MAX_SESSIONS).toReversed(),
    fixes: new Set(parts.map((part) => part.split(':')[0] ?? '')),
    async where(reader) {
      const clauses = ['true']
      for (const { where } of conditions) if (where !== undefined) clauses.push(await where(reader))
      return clauses.map((clause) => `(${clause})`).join(' AND ')
    },
  }
}

function conditionOf(part: string): Condition | undefined {
  const [, kind = '', value = ''] = /^(tag|commit|service|model|variant|flag|half):(.*)$/s.exec(part) ?? []
  if (kind === '') return undefined
  if (value === '') throw new UsageError(`'${part}' says nothing: write ${EXAMPLES[kind] ?? part}.`)
  if (kind === 'tag') return { keeps: ({ tags }) => tags.includes(value) }
  if (kind === 'service') return { keeps: ({ json }) => json.service === value }
  if (kind === 'commit') return { keeps: ({ json }) => value.length >= 4 && json.gitCommit?.startsWith(value) === true }
  if (kind === 'model') return { where: () => modelIs(value) }
  if (kind === 'variant') return { where: () => `s.variant IS NOT NULL AND starts_with(s.variant, ${sqlText(value)})` }
  if (kind === 'half') return { where: (reader) => halfOf(reader, value) }
  const [flag = '', ...rest] = value.split('=')
  if (!/^[\w.-]+$/.test(flag) || rest.length === 0) throw new UsageError(`'${part}' is not a flag: write ${EXAMPLES['flag']}.`)
  return { where: (reader) => flagIs(reader, flag, rest.join('=')) }
}

const EXAMPLES: Record<string, string> = {
  tag: 'tag:nightly', commit: 'commit:1a2b3c4', service: 'service:shop', model: 'model:gpt-4o', variant: 'variant:1a2b3c4d', flag: 'flag:CACHE=1',
  half: 'half:first or half:second',
} // prettier-ignore

function modelIs(model: string): string {
  return `s.layer = 'ai' AND s.span_key NOT IN (FROM store.ai_uncounted)
    AND coalesce((s.attributes->>'gen_ai.request.model'), (s.attributes->>'gen_ai.response.model')) = ${sqlText(model)}`
}

async function halfOf(reader: SessionReader, which: string): Promise<string> {
  if (which !== 'first' && which !== 'second') throw new UsageError(`'half:${which}' is neither half:first nor half:second.`)
  const [middle] = await reader.rows<{ at: string | number | null }>(`SELECT quantile_disc(start_ns, 0.5)::VARCHAR AS at FROM spans`)
  return `s.start_ns ${which === 'first' ? '<' : '>='} ${middle?.at ?? 0}`
}

/** Processes that ran with the flag (`PERF_FLAGS`, else a setting of the agent); where none knows it, spans with an attribute of that name. */
async function flagIs(reader: SessionReader, flag: string, value: string): Promise<string> {
  const rows = await reader.rows<{ process: number; value: string | null }>(
    `SELECT process, coalesce((meta->'flags')->>'${flag}', (meta->'config')->>'${flag}') AS value FROM store.processes`,
  )
  if (rows.every((row) => row.value === null)) return `(s.attributes->>'${flag}') = ${sqlText(value)}`
  const processes = rows.filter((row) => row.value === value).map((row) => row.process)
  return processes.length === 0 ? 'false' : `s.process IN (${processes.join(', ')})`
}
