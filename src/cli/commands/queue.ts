import { auditSession } from '../../analysis/audit/audit-session.ts'
import { projectRoot } from '../../analysis/optimize/optimize.ts'
import { buildPacket, type Packet, type PacketPlan } from '../../analysis/optimize/packet.ts'
import { findCandidate, isOpen, markDone, ranked } from '../../analysis/queue/candidates.ts'
import type { Candidate } from '../../analysis/queue/candidate.ts'
import { readQueue, type Queue } from '../../analysis/queue/queue-file.ts'
import { refreshQueue } from '../../analysis/queue/refresh-queue.ts'
import { SessionNotFoundError, UsageError } from '../../errors.ts'
import { openSession } from '../../store/query.ts'
import { resolveSession, type Session } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { findSession, ownPrices, sessionsDir } from '../open.ts'
import { readConfigFile, thresholdsOf } from '../project-config.ts'
import { packetMarkdown } from '../render/packet.ts'
import { showProgress } from '../render/progress.ts'
import { queueList, queueMarkdown, renderCandidate } from '../render/queue.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

interface QueueOptions extends CommonOptions {
  all?: boolean
  limit?: string
  sessions?: string
  format?: 'text' | 'md' | 'json'
  refresh?: boolean
}

/** `perf-agent queue`, `queue show ID`, `queue done ID`. */
export async function queue(words: string[], options: QueueOptions): Promise<void> {
  const [verb, id, ...rest] = words
  if (verb === undefined) return list(options)
  if ((verb !== 'show' && verb !== 'done') || id === undefined || rest.length > 0)
    throw new UsageError(
      `Say perf-agent queue, queue show ID or queue done ID${verb === 'show' || verb === 'done' ? '' : `, not 'queue ${words.join(' ')}'`}.`,
    )
  const dir = sessionsDir(options)
  if (verb === 'done') {
    const candidate = await markDone(dir, id)
    const said = `${candidate.id} is ${candidate.state}${candidate.state === 'done' ? '; it is reopened when a later session shows it again' : ''}.\n`
    process.stdout.write(isJson(options) ? json(candidate) : said)
    return
  }
  const known = options.refresh === false ? readQueue(dir) : await refreshed(options)
  const candidate = findCandidate(known, id)
  if (isJson(options)) process.stdout.write(json(candidate))
  else if (options.format === 'md')
    process.stdout.write(packetMarkdown(await packetOf(sessionOf(dir, candidate, options.session), candidate)))
  else process.stdout.write(renderCandidate(terminalOf(), candidate))
}

/** What there is to know of a candidate; where its session is gone, what the queue has kept. */
export async function packetOf(session: Session | undefined, candidate: Candidate, plan: Partial<PacketPlan> = {}): Promise<Packet> {
  const reader = session === undefined ? undefined : await openSession(session, { prices: await ownPrices() })
  try {
    return await buildPacket(candidate, reader, { root: projectRoot(process.cwd()), tests: null, benchmark: null, ...plan })
  } finally {
    reader?.close()
  }
}

/** The session that showed it last, or the one that is `wanted`; undefined when it is gone. */
export function sessionOf(dir: string, { last_seen }: Candidate, wanted?: string): Session | undefined {
  if (wanted !== undefined) return resolveSession(dir, wanted)
  try {
    return resolveSession(dir, last_seen.session)
  } catch (error) {
    if (error instanceof SessionNotFoundError) return undefined
    throw error
  }
}

async function list(options: QueueOptions): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '20')
  const { candidates } = options.refresh === false ? readQueue(sessionsDir(options)) : await refreshed(options)
  const listed = ranked(candidates).filter((candidate) => options.all === true || isOpen(candidate))
  const shown = listed.slice(0, limit)
  const hidden = { open: listed.length - shown.length, settled: candidates.length - listed.length }
  if (isJson(options)) process.stdout.write(`${JSON.stringify({ candidates: shown.map(withoutSamples), hidden }, null, indent())}\n`)
  else if (options.format === 'md') process.stdout.write(queueMarkdown(shown, hidden))
  else if (shown.length === 0)
    process.stdout.write(`The queue is empty.${hidden.settled > 0 ? ` ${hidden.settled} done or closed: perf-agent queue --all` : ''}\n`)
  else process.stdout.write(`${queueList(terminalOf(), shown, hidden)}\n`)
}

/** The queue, with new sessions taken in; what could not be read is said on standard error. */
export async function refreshed(options: CommonOptions & { sessions?: string }): Promise<Queue> {
  const progress = showProgress('Looking through sessions')
  const prices = await ownPrices()
  const { thresholds } = thresholdsOf(readConfigFile().config)
  try {
    const { queue: current, problems } = await refreshQueue(sessionsDir(options), {
      ...(options.session === undefined ? {} : { sessions: [findSession(options)] }),
      newest: positiveInteger('--sessions', options.sessions ?? '10'),
      open: (session) => openSession(session, { prices }),
      violationsOf: async (reader) => (await auditSession(reader, thresholds)).violations,
      onSession: (session, done, total) => progress.update(`${session.name}, ${done + 1} of ${total}`),
    })
    progress.end()
    for (const problem of problems) process.stderr.write(`perf-agent: not in the queue: ${problem}\n`)
    return current
  } finally {
    progress.end()
  }
}

const isJson = ({ json: wanted, format }: QueueOptions): boolean => wanted === true || format === 'json'
const indent = (): number | undefined => (process.stdout.isTTY ? 2 : undefined)
const json = (candidate: Candidate): string => `${JSON.stringify(withoutSamples(candidate), null, indent())}\n`

/** Without the single values that are kept for later comparisons. */
function withoutSamples({ before, after, ...candidate }: Candidate): object {
  const figures = (measured: Candidate['before']): object | null => {
    if (measured === null) return null
    const { session, calls, failed, mean, median, p95 } = measured
    return { session, calls, failed, mean, median, p95 }
  }
  return { ...candidate, before: figures(before), after: figures(after) }
}
