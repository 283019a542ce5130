import { defineFinding } from '../finding.ts'
import { floorOf } from '../memory-report.ts'

interface Row {
  process: number
  state: string
  /** What major collections left: seconds since the epoch, bytes. */
  floors: { time: number; value: number }[]
  /** Requests served, else traces begun, between the first of them and the last. */
  requests: number
  served: boolean
  heap_limit: number | null
  snapshots: number
  grown: { class: string; objects: number; bytes: number }[] | null
  sites: { function: string | null; file: string | null; line: number | null; bytes: number }[] | null
}

/** A limit that is reached within this time at the pace measured makes it urgent, in hours. */
const URGENT_HOURS = 24
const MEGABYTE = 1024 * 1024
const GIGABYTE = 1024 * MEGABYTE

/** A heap of which each major collection leaves more than the one before. */
export default defineFinding<Row>({
  kind: 'memory-leak',
  about:
    'What is left of the heap after major collections grows steadily (99 % sure, over 20 s and 8 collections or more, by more than 5 %).',
  sql: `
    WITH floors AS (SELECT process, list({time: epoch(start_time), value: after_bytes} ORDER BY start_time) AS floors, min(start_time) AS first, max(start_time) AS last
        FROM gc WHERE kind = 'major' AND after_bytes IS NOT NULL GROUP BY process HAVING count(*) >= 8),
      work AS (SELECT s.process, round(sum(weight) FILTER (kind = 'server'))::BIGINT AS served, round(sum(weight))::BIGINT AS roots FROM spans s JOIN floors f USING (process)
        WHERE s.start_time BETWEEN f.first AND f.last AND (kind = 'server' OR parent_key IS NULL) GROUP BY s.process),
      ends AS (SELECT process, arg_min(snapshot, time) AS first, arg_max(snapshot, time) AS last, count(DISTINCT snapshot) AS snapshots FROM heap_classes WHERE thread = 0 GROUP BY process),
      grown AS (SELECT process, (list({class: class, objects: objects, bytes: bytes} ORDER BY bytes DESC, class))[1:5] AS grown
        FROM (SELECT h.process, class, (coalesce(sum(count) FILTER (snapshot = last), 0) - coalesce(sum(count) FILTER (snapshot = first), 0))::BIGINT AS objects,
            (coalesce(sum(self_bytes) FILTER (snapshot = last), 0) - coalesce(sum(self_bytes) FILTER (snapshot = first), 0))::BIGINT AS bytes
          FROM heap_classes h JOIN ends e ON e.process IS NOT DISTINCT FROM h.process AND e.first <> e.last GROUP BY h.process, class) WHERE bytes > 0 GROUP BY process),
      sites AS (SELECT process, (list({function: function, file: file, line: line, bytes: bytes} ORDER BY bytes DESC, function))[1:3] AS sites
        FROM (SELECT process, function, file, line, sum(bytes)::BIGINT AS bytes FROM allocations WHERE file NOT LIKE 'node:%' GROUP BY ALL) GROUP BY process),
      limits AS (SELECT process, max(value) AS heap_limit FROM metrics WHERE name = 'perf.memory.heap.limit' GROUP BY process)
    SELECT f.process, p.state, f.floors, coalesce(w.served, w.roots, 0) AS requests, w.served IS NOT NULL AS served, l.heap_limit, coalesce(e.snapshots, 0) AS snapshots, g.grown, t.sites
    FROM floors f JOIN processes p USING (process) LEFT JOIN work w USING (process) LEFT JOIN limits l USING (process) LEFT JOIN ends e USING (process)
      LEFT JOIN grown g USING (process) LEFT JOIN sites t USING (process) ORDER BY f.process`,
  find: (rows) => rows.flatMap(draftOf),
})

function draftOf(row: Row): ReturnType<Parameters<typeof defineFinding<Row>>[0]['find']> {
  const floor = floorOf(row.floors)
  if (floor?.verdict !== 'grows') return []
  const perHour = floor.bytes_per_minute * 60
  const grownBytes = (floor.bytes_per_minute * floor.seconds) / 60
  const hoursLeft = row.heap_limit === null ? null : (row.heap_limit - floor.last) / perHour
  const [largest] = row.grown ?? []
  return [
    {
      key: `process\0${largest?.class ?? ''}`,
      title: `The heap of process ${row.process} grows ${size(perHour)} an hour${row.requests > 0 ? `, ${size(grownBytes / row.requests)} per ${row.served ? 'request' : 'trace'}` : ''}: a leak?`,
      severity: hoursLeft !== null && hoursLeft < URGENT_HOURS ? 'high' : 'medium',
      cost: { calls: row.requests },
      places: (row.sites ?? []).flatMap(({ function: name, file, line }) => (file === null ? [] : [{ file, line, function: name }])),
      facts: {
        growth_per_hour: size(perHour), growth_in_the_session: size(grownBytes), confidence: Math.floor(floor.confidence * 10_000) / 10_000, heap_before: size(floor.first), heap_after: size(floor.last),
        major_collections: floor.collections, seconds: Math.round(floor.seconds), hours_to_the_limit: hoursLeft === null ? null : Math.max(0, Math.round(hoursLeft * 10) / 10),
        classes_grown: row.grown === null ? null : row.grown.map(({ class: name, objects, bytes }) => `${name} +${objects} (${size(bytes)})`).join(', '),
      },
      query: `SELECT start_time, after_bytes FROM gc WHERE kind = 'major' AND process = ${row.process} ORDER BY start_time`,
      advice: adviceFor(row),
      next_command: row.snapshots > 1 ? 'perf-agent heap diff first last' : row.state === 'live' ? 'perf-agent snapshot' : `PERF_TRIGGERS='growth>20MB:snapshot' node --import @perf/agent app.js`,
    },
  ] // prettier-ignore
}

function adviceFor({ snapshots, grown, state }: Row): string {
  const usual = 'What grows is mostly a cache or Map without a bound, listeners added per request, or timers and promises that never end.'
  if (snapshots > 1)
    return `${usual} ${grown?.[0] === undefined ? 'The' : `\`${grown[0].class}\` grew most: the`} comparison of the first and last heap snapshot says which objects grew and what holds them.`
  const how = state === 'live' ? 'take two heap snapshots some minutes apart' : "record again with `PERF_TRIGGERS='growth>20MB:snapshot'`"
  return `${usual} To see which objects: ${how}, then \`perf-agent heap diff first last\` says what grew and what holds it.`
}

/** In the unit that fits, from KB on. */
function size(bytes: number): string {
  const [unit, by] = bytes >= GIGABYTE ? ['GB', GIGABYTE] : bytes >= MEGABYTE ? ['MB', MEGABYTE] : ['KB', 1024]
  return `${Number((bytes / by).toPrecision(3))} ${unit}`
}
