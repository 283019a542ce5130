import { PerfError } from '../../errors.ts'
import type { Candidate, HistoryEntry } from './candidate.ts'
import { updateQueue, type Queue } from './queue-file.ts'

/** Whether something is left to do. */
export const isOpen = ({ state }: Candidate): boolean => state === 'open' || state === 'reopened'

/** Open ones first, by what they would save. */
export function ranked(candidates: readonly Candidate[]): Candidate[] {
  return candidates.toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || b.priority - a.priority || (a.id < b.id ? -1 : 1))
}

/** The candidate `id` stands for: its id or the beginning of one, with `@service` where several services have it. Throws `PerfError`. */
export function findCandidate({ candidates }: Queue, id: string): Candidate {
  const at = id.indexOf('@')
  const [name, service] = at === -1 ? [id, undefined] : [id.slice(0, at), id.slice(at + 1)]
  const fits = candidates.filter((candidate) => candidate.id.startsWith(name) && (service === undefined || candidate.service === service))
  const exact = fits.filter((candidate) => candidate.id === name)
  const [first, ...more] = exact.length > 0 ? exact : fits
  if (first === undefined || name === '')
    throw new PerfError('CANDIDATE_NOT_FOUND', `There is no '${id}' in the queue; 'perf-agent queue --all' lists what is in it.`)
  if (more.length > 0) {
    const names = [first, ...more].slice(0, 3).map((candidate) => `${candidate.id}@${candidate.service ?? ''}`)
    throw new PerfError(
      'CANDIDATE_NOT_FOUND',
      `'${id}' fits ${more.length + 1} entries of the queue (${names.join(', ')}${more.length > 2 ? ', …' : ''}); give more of the id.`,
    )
  }
  return first
}

/** Marks a candidate as done by hand: it stays so until a session recorded afterwards shows it again. */
export function markDone(dir: string, id: string, now = new Date()): Promise<Candidate> {
  return changeCandidate(dir, id, (candidate) => {
    if (!isOpen(candidate)) return candidate
    const entry: HistoryEntry = { at: now.toISOString(), event: 'done', session: null, text: 'marked as done' }
    return {
      ...candidate,
      state: 'done',
      settled_at: now.toISOString(),
      waiting: null,
      absent_from: [],
      after: null,
      history: [...candidate.history, entry],
    }
  })
}

/** Adds what happened to a candidate. */
export function addHistory(dir: string, id: string, entry: HistoryEntry): Promise<Candidate> {
  return changeCandidate(dir, id, (candidate) => ({ ...candidate, history: [...candidate.history, entry] }))
}

function changeCandidate(dir: string, id: string, change: (candidate: Candidate) => Candidate): Promise<Candidate> {
  return updateQueue(dir, (queue) => {
    const found = findCandidate(queue, id)
    const changed = change(found)
    return {
      queue: { ...queue, candidates: queue.candidates.map((candidate) => (candidate === found ? changed : candidate)) },
      result: changed,
    }
  })
}
