import fs from 'node:fs'
import path from 'node:path'
import type { SessionReader } from '../../store/query.ts'
import type { Candidate, CandidateMetric, CodeSnapshot, HistoryEntry, KeptViolation, Savings } from '../queue/candidate.ts'
import { callsOf } from '../queue/measure.ts'
import { traceRows, type WaterfallRow } from '../trace-tree.ts'

/** Everything an optimiser needs for one candidate; `docs/packet.schema.json` describes it. */
export interface Packet {
  version: 1
  id: string
  kind: string
  title: string
  state: string
  service: string | null
  priority: number
  saves: Savings
  recommendation: string
  facts: Record<string, unknown>
  metrics: CandidateMetric[]
  violations: KeptViolation[]
  /** Functions that took part, as they were recorded; whether the file still holds them is `is_current`. */
  code: (CodeSnapshot & { is_current: boolean })[]
  /** Other places, with the lines around them as they are now; null where the file is not there. */
  places: { file: string; line: number | null; function: string | null; source: string | null }[]
  callers: Caller[]
  traces: PacketTrace[]
  constraints: string[]
  /** Command of the tests; null: none. */
  tests: string | null
  /** What is measured before and after. */
  benchmark: { command: string; rounds: number } | null
  session: { name: string; git_commit: string | null }
  history: HistoryEntry[]
}

/** Who calls the code, or what the candidate is about. */
interface Caller {
  callee: string
  layer: string
  name: string
  file: string | null
  line: number | null
  calls: number
}

/** A slow trace; rows beyond the first are counted. */
export interface PacketTrace {
  trace_id: string
  name: string
  duration_ms: number
  status: string
  rows: WaterfallRow[]
  hidden_rows: number
}

const MOST_TRACES = 3
const MOST_ROWS = 40
const LINES_AROUND = 15

/** What will be done with the change: constraints follow from it. */
export interface PacketPlan {
  root: string
  tests: string | null
  /** Null: the packet is only shown, nothing is judged. */
  benchmark: { command: string; rounds: number } | null
}

/** Puts a packet together; without a reader (its session is gone) from what the queue has kept. */
export async function buildPacket(candidate: Candidate, reader: SessionReader | undefined, plan: PacketPlan): Promise<Packet> {
  const { id, kind, title, state, service, priority, saves, recommendation, facts, metrics, violations, history, last_seen } = candidate
  return {
    version: 1, id, kind, title, state, service, priority, saves, recommendation, facts, metrics, violations,
    code: candidate.code.map((code) => ({ ...code, is_current: readText(plan.root, code.file)?.includes(code.source) ?? false })),
    places: candidate.places.map((place) => ({ ...place, source: linesAround(plan.root, place.file, place.line) })),
    callers: reader === undefined ? [] : await callersOf(reader, candidate),
    traces: reader === undefined ? [] : await slowestTraces(reader, candidate),
    constraints: constraintsOf(plan), tests: plan.tests, benchmark: plan.benchmark,
    session: { name: last_seen.session, git_commit: last_seen.git_commit }, history,
  } // prettier-ignore
}

function constraintsOf({ root, tests, benchmark }: PacketPlan): string[] {
  if (benchmark === null) return []
  return [
    `Change files below ${root} only; nothing is committed, staged or pushed.`,
    'Results, errors and side effects stay what they are; only time, calls, tokens or memory may change.',
    'Change what this is about and nothing else: no reformatting, no new dependencies unless there is no other way.',
    ...(tests === null ? [] : [`The tests must pass: ${tests}`]),
    `The benchmark must be measurably faster than before: ${benchmark.command} (${benchmark.rounds} rounds of each, interleaved).`,
    'Otherwise the change is rejected, and every file is put back as it was.',
  ] // prettier-ignore
}

async function callersOf(reader: SessionReader, { code, subject }: Candidate): Promise<Caller[]> {
  const variants = code.map(({ variant }) => variant).filter((variant) => /^[0-9a-f]+$/.test(variant))
  const wanted =
    variants.length > 0
      ? `s.variant IN (${variants.map((variant) => `'${variant}'`).join(', ')})`
      : subject === null
        ? undefined
        : `s.span_id IN (SELECT span_id FROM (${callsOf(subject)}))`
  if (wanted === undefined) return []
  const callers = await reader.rows<Caller>(
    `SELECT s.name AS callee, p.layer, p.name, any_value(v.file) AS file, any_value(v.line) AS line, round(sum(s.weight))::BIGINT AS calls
     FROM spans s JOIN spans p ON p.span_key = s.parent_key LEFT JOIN variants v ON v.variant = p.variant
     WHERE ${wanted} GROUP BY s.name, p.layer, p.name ORDER BY calls DESC, callee, p.name LIMIT 10`,
  )
  const cwd = reader.session.json.cwd === undefined ? undefined : `${reader.session.json.cwd}/`
  return callers.map((caller) => ({
    ...caller,
    file: cwd !== undefined && caller.file?.startsWith(cwd) === true ? caller.file.slice(cwd.length) : caller.file,
  }))
}

async function slowestTraces(reader: SessionReader, { subject, traces }: Candidate): Promise<PacketTrace[]> {
  const slowest =
    subject === null
      ? []
      : await reader.rows<{ trace_id: string }>(
          `SELECT trace_id FROM (${callsOf(subject)}) GROUP BY trace_id ORDER BY max(duration_ms) DESC, trace_id LIMIT ${MOST_TRACES}`,
        )
  const ids = slowest.length > 0 ? slowest.map(({ trace_id }) => trace_id) : traces.filter((id) => /^[0-9a-f]{32}$/.test(id))
  const shown: PacketTrace[] = []
  for (const id of ids.slice(0, MOST_TRACES)) {
    const [facts] = await reader.rows<Omit<PacketTrace, 'rows' | 'hidden_rows'>>(
      `SELECT trace_id, name, duration_ms, status FROM traces WHERE trace_id = '${id}'`,
    )
    if (facts === undefined) continue
    const rows = await traceRows(reader, id, { collapse: true })
    shown.push({ ...facts, rows: rows.slice(0, MOST_ROWS), hidden_rows: Math.max(0, rows.length - MOST_ROWS) })
  }
  return shown
}

function linesAround(root: string, file: string, line: number | null): string | null {
  const text = readText(root, file)
  if (text === undefined || line === null) return null
  const lines = text.split('\n')
  return lines.slice(Math.max(0, line - 1 - LINES_AROUND), line + LINES_AROUND).join('\n')
}

/** Only files of the project: a place may be anywhere. */
function readText(root: string, file: string): string | undefined {
  const resolved = path.resolve(root, file)
  if (path.relative(root, resolved).startsWith('..')) return undefined
  try {
    return fs.statSync(resolved).size > 2_000_000 ? undefined : fs.readFileSync(resolved, 'utf8')
  } catch {
    return undefined
  }
}
