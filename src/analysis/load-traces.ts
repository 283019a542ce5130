import { openSession, type SessionReader } from '../store/query.ts'
import { hotSources, listSessions, type Session } from '../store/session.ts'
import { criticalPath } from './critical-path.ts'
import { timedTraces } from './timed-traces.ts'

/** What a session of the server recorded of a request. */
export interface RecordedRequest {
  session: string
  trace_id: string
  /** Of the trace, as the server saw it. */
  duration_ms: number
  name: string
  /** What the trace waited for, the most first. */
  waited_for: { layer: string; name: string; ms: number }[]
}

const WAITED_FOR = 3

/**
 * Looks for traces in the sessions under `dir` that were written since `sinceMs` (wall clock), or in `only`; their records arrive a moment after the
 * answers, so it looks again until all are there or `patienceMs` are over.
 */
export async function findRecordedRequests(
  dir: string,
  traceIds: readonly string[],
  options: { sinceMs: number; only?: Session; patienceMs: number },
): Promise<RecordedRequest[]> {
  const found = new Map<string, RecordedRequest>()
  for (const deadline = Date.now() + options.patienceMs; ;) {
    const sessions =
      options.only === undefined ? listSessions(dir).filter((session) => wasWritten(session, options.sinceMs)) : [options.only]
    for (const session of sessions) {
      const missing = traceIds.filter((id) => !found.has(id))
      if (missing.length > 0) for (const request of await requestsIn(session, missing)) found.set(request.trace_id, request)
    }
    if (sessions.length === 0 || found.size === traceIds.length || Date.now() > deadline) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return traceIds.flatMap((id) => found.get(id) ?? [])
}

const wasWritten = (session: Session, sinceMs: number): boolean => hotSources(session).some(({ changedMs }) => changedMs >= sinceMs)

async function requestsIn(session: Session, traceIds: readonly string[]): Promise<RecordedRequest[]> {
  let reader: SessionReader
  try {
    reader = await openSession(session)
  } catch {
    // Another session that cannot be read is no reason to fail.
    return []
  }
  try {
    const requests: RecordedRequest[] = []
    for await (const { trace_id, spans } of timedTraces(
      reader,
      `trace_id IN (${traceIds.map((id) => `'${id}'`).join(', ')})`,
      traceIds.length,
    )) {
      const path = criticalPath(spans)
      const sums = new Map<string, { layer: string; name: string; ms: number }>()
      for (const { layer, name, start_ms, end_ms } of path) {
        const sum = sums.get(`${layer} ${name}`) ?? { layer, name, ms: 0 }
        sum.ms += end_ms - start_ms
        sums.set(`${layer} ${name}`, sum)
      }
      const waited_for = [...sums.values()].toSorted((a, b) => b.ms - a.ms).slice(0, WAITED_FOR)
      const [first, last] = [path[0], path.at(-1)]
      const root = spans.toSorted((a, b) => a.start_ms - b.start_ms)[0]
      if (root !== undefined && first !== undefined && last !== undefined)
        requests.push({ session: session.name, trace_id, duration_ms: last.end_ms - first.start_ms, name: root.name, waited_for })
    }
    return requests
  } finally {
    reader.close()
  }
}
