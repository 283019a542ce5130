import { CALLED, CALLED_EXACTLY } from '../store/analytics/call-targets.ts'
import type { SessionReader } from '../store/query.ts'
import type { Finding, Place } from './finding.ts'

/** Facts that name the spans a finding is about, the innermost first. */
const NAMING = ['call', 'second', 'first', 'statement', 'most_time_in', 'tool', 'span', 'name', 'parent', 'caller'] as const
/** Of each finding; places, and traces to look for them in. */
const MOST_PLACES = 3
/** Spans of all these traces together: enough for what most are made of, little beside the findings themselves. */
const MOST_SPANS = 20_000

interface Row {
  trace_id: string
  span_key: bigint | number
  parent_key: bigint | number | null
  name: string
  called: string
  called_exactly: string
  file: string | null
  line: number | null
  function: string | null
}

/**
 * Where in the source the findings are, as far as they do not say it themselves: of the spans they name, in the first of their traces, the functions
 * that are recorded (`PERF_TOOLS`), or else those they were called from.
 */
export async function withPlaces(reader: SessionReader, findings: readonly Finding[]): Promise<Finding[]> {
  const open = findings.filter(({ evidence }) => evidence.places.length === 0 && namesOf(evidence).length > 0)
  const ids = [...new Set(open.flatMap(({ evidence }) => evidence.traces.slice(0, 1)))].filter((id) => /^[0-9a-f]{32}$/.test(id))
  if (ids.length === 0) return [...findings]
  const [known] = await reader.rows<{ any: boolean }>('SELECT count(*) > 0 AS any FROM store.variants WHERE file IS NOT NULL')
  if (known?.any !== true) return [...findings]
  const spans = await reader.rows<Row>(
    `SELECT s.trace_id, s.span_key, s.parent_key, s.name, ${CALLED} AS called, ${CALLED_EXACTLY} AS called_exactly, v.file, v.line, v.name AS function
     FROM spans s LEFT JOIN store.variants v ON v.variant = s.variant WHERE s.trace_id IN (${ids.map((id) => `'${id}'`).join(', ')})
     ORDER BY s.start_ns, s.span_key LIMIT ${MOST_SPANS}`,
  )
  const byTrace = new Map<string, Row[]>(ids.map((id) => [id, []]))
  for (const span of spans) byTrace.get(span.trace_id)?.push(span)
  return findings.map((finding) => {
    if (!open.includes(finding)) return finding
    const places = placesIn(byTrace.get(finding.evidence.traces[0] ?? '') ?? [], namesOf(finding.evidence))
    return places.length === 0 ? finding : { ...finding, evidence: { ...finding.evidence, places } }
  })
}

const namesOf = ({ facts }: Finding['evidence']): string[] =>
  NAMING.flatMap((fact) => (typeof facts[fact] === 'string' ? [facts[fact]] : []))

/** The first of the names that has recorded functions at or above its spans. */
function placesIn(spans: readonly Row[], names: readonly string[]): Place[] {
  const byKey = new Map(spans.map((span) => [span.span_key, span]))
  for (const name of names) {
    const found = new Map<string, Place>()
    for (const span of spans) {
      if (span.name !== name && span.called !== name && span.called_exactly !== name) continue
      const at = recordedAtOrAbove(span, byKey)
      if (at?.file != null) found.set(`${at.file}:${at.line}`, { file: at.file, line: at.line, function: at.function })
      if (found.size === MOST_PLACES) break
    }
    if (found.size > 0) return [...found.values()]
  }
  return []
}

function recordedAtOrAbove(span: Row, byKey: ReadonlyMap<Row['span_key'], Row>): Row | undefined {
  let at: Row | undefined = span
  // A parent that is its own ancestor is damage; no tree is as deep as it has spans.
  for (let steps = 0; at !== undefined && at.file === null && steps < byKey.size; steps++)
    at = at.parent_key === null ? undefined : byKey.get(at.parent_key)
  return at
}
