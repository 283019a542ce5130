import type { Candidate, HistoryEntry, Measured } from './candidate.ts'
import type { Observation, Sighting } from './observe.ts'
import { judge } from './proof.ts'

/**
 * Sessions in a row without it that close a candidate nothing can be measured of (memory, SQL): were it there in every second one, five in a row
 * without it had a probability of 1 in 32 (sign test).
 */
const ABSENCES = 5

/**
 * Brings the candidates of a service up to date with what a session shows; a session that is older than what is known of a candidate changes
 * nothing but when it was first seen. Pure but for `now` (ISO 8601), which dates the history.
 */
export function merge(candidates: readonly Candidate[], observation: Observation, now: string): Candidate[] {
  const sightings = new Map(observation.sightings.map((sighting) => [sighting.id, sighting]))
  const updated = candidates.map((candidate) => {
    if (candidate.service !== observation.service) return candidate
    const sighting = sightings.get(candidate.id)
    sightings.delete(candidate.id)
    return sighting === undefined ? absent(candidate, observation, now) : sighted(candidate, sighting, observation, now)
  })
  for (const sighting of sightings.values()) updated.push(begin(sighting, observation, now))
  return updated
}

function begin({ measured, ...sighting }: Sighting, { service, seen }: Observation, now: string): Candidate {
  return {
    ...sighting, service, state: 'open', first_seen: seen, last_seen: seen, waiting: null, absent_from: [], settled_at: null, before: measured, after: null,
    history: [{ at: now, event: 'found', session: seen.session, text: sighting.title }],
  } // prettier-ignore
}

function sighted(candidate: Candidate, sighting: Sighting, { seen }: Observation, now: string): Candidate {
  if (seen.at < candidate.last_seen.at) return seen.at < candidate.first_seen.at ? { ...candidate, first_seen: seen } : candidate
  const { measured, ...shown } = sighting
  const current = { ...candidate, ...shown, last_seen: seen, waiting: null, absent_from: [] }
  const note = (event: HistoryEntry['event'], text: string): HistoryEntry[] =>
    withEntry(candidate, { at: now, event, session: seen.session, text })
  if (candidate.state === 'open' || candidate.state === 'reopened') return { ...current, before: measured }
  // What is done or closed after this session was recorded is not contradicted by it.
  if (candidate.settled_at !== null && seen.at < candidate.settled_at) return candidate
  const came = cameBack(candidate, measured)
  if (came.isProven)
    return { ...current, state: 'reopened', settled_at: null, before: measured, after: null, history: note('reopened', came.text) }
  return { ...candidate, last_seen: seen, history: note('seen again', came.text) }
}

/** Something that was measured after it was settled has come back when it is measurably worse than then; else when it shows again. */
function cameBack({ subject, after }: Candidate, measured: Measured | null): { isProven: boolean; text: string } {
  if (subject === null || after === null || measured === null) return { isProven: true, text: 'it shows again' }
  const { verdict, text } = judge(subject, after, measured)
  return { isProven: verdict === 'worse', text: verdict === 'worse' ? text : `it shows again and is not measurably worse: ${text}` }
}

function absent(candidate: Candidate, { seen, measured: all }: Observation, now: string): Candidate {
  if (candidate.state === 'closed' || seen.at <= candidate.last_seen.at) return candidate
  const { subject, before } = candidate
  const measured = all.get(candidate.id)
  const absent_from = [...candidate.absent_from.filter((session) => session !== seen.session), seen.session]
  const close = (text: string): Candidate => ({
    ...candidate, state: 'closed', waiting: null, absent_from, settled_at: seen.at, after: measured ?? null,
    history: withEntry(candidate, { at: now, event: 'closed', session: seen.session, text }),
  }) // prettier-ignore
  if (subject === null || before === null || measured === undefined) {
    const times = absent_from.length
    if (times >= ABSENCES) return close(`not in ${times} sessions in a row`)
    return {
      ...candidate,
      absent_from,
      waiting: `not in the last ${times === 1 ? 'session' : `${times} sessions`}; ${ABSENCES} in a row close it`,
    }
  }
  const { verdict, text } = judge(subject, before, measured)
  if (verdict === 'better') return close(text)
  const after = candidate.state === 'done' && measured.calls > 0 ? measured : candidate.after
  return { ...candidate, absent_from, after, waiting: `not in ${seen.session}; no proof yet: ${text}` }
}

/** An entry a session, so that looking at a session twice says nothing twice; of sessions in a row that show it again the last. */
function withEntry({ history }: Candidate, entry: HistoryEntry): HistoryEntry[] {
  const last = history.at(-1)
  return last?.event === entry.event && (last.session === entry.session || entry.event === 'seen again')
    ? [...history.slice(0, -1), entry]
    : [...history, entry]
}
