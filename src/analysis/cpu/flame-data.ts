import { UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'

/** Which samples to look at; everything when empty. */
export interface CpuFilter {
  /** Name or id of spans: their own code and that of everything below them. */
  span?: string | undefined
  /** Name of a tool: as `span`, of spans of layer `tool`. */
  tool?: string | undefined
  /** Route of requests served (`/users/:id`, or with its method): as `span`. */
  route?: string | undefined
  /** Layer of the span whose code ran. */
  layer?: string | undefined
}

/** A function. */
export interface FlameFrame {
  function: string
  file: string | null
  line: number | null
}

/** A stack and what was sampled on it. */
export interface FlameStack {
  /** Indexes into `frames`, from the outermost. */
  frames: number[]
  us: number
  samples: number
  span: string | null
  layer: string | null
}

/** CPU by stack. */
export interface FlameData {
  session: string
  /** The filter as text; empty for none. */
  filter: string
  frames: Map<number, FlameFrame>
  stacks: FlameStack[]
  us: number
  samples: number
}

/** Where the sampled CPU time went, and how much of it no span accounts for; microseconds. */
export interface CpuTotals {
  us: number
  inSpans: number
  outside: number
  gc: number
  native: number
  idle: number
  intervalUs: number
  threads: number
  profiles: number
  lostSwitches: number
}

/** The totals of a session; undefined when it holds no CPU profile. */
export async function cpuTotals(reader: SessionReader): Promise<CpuTotals | undefined> {
  const [profiles] = await reader.rows<{ n: number; threads: number; idle: number; interval: number; lost: number }>(
    `SELECT count(*) AS n, count(DISTINCT (process, thread)) AS threads, coalesce(sum(idle_ms), 0) * 1000 AS idle, coalesce(min(interval_us), 0) AS interval,
       coalesce(sum(lost_switches), 0)::BIGINT AS lost FROM cpu_profiles`,
  )
  if (profiles === undefined || profiles.n === 0) return undefined
  const [sums] = await reader.rows<{ us: number; in_spans: number; gc: number; native: number; outside: number }>(
    `SELECT coalesce(sum(self_us), 0)::DOUBLE AS us, coalesce(sum(self_us) FILTER (f.file IS NULL AND function = '(garbage collector)'), 0)::DOUBLE AS gc,
       coalesce(sum(self_us) FILTER (f.file IS NULL AND function IN ('(program)', '(root)')), 0)::DOUBLE AS native,
       coalesce(sum(self_us) FILTER (span_id <> 0), 0)::DOUBLE AS in_spans,
       coalesce(sum(self_us) FILTER (span_id = 0 AND NOT (f.file IS NULL AND function IN ('(garbage collector)', '(program)', '(root)'))), 0)::DOUBLE AS outside
     FROM store.samples JOIN store.stacks USING (stack) JOIN store.frames f USING (frame)`,
  )
  return {
    us: sums?.us ?? 0,
    inSpans: sums?.in_spans ?? 0,
    outside: sums?.outside ?? 0,
    gc: sums?.gc ?? 0,
    native: sums?.native ?? 0,
    idle: profiles.idle,
    intervalUs: profiles.interval,
    threads: profiles.threads,
    profiles: profiles.n,
    lostSwitches: profiles.lost,
  }
}

/** CPU by stack and span of those samples. Throws a `UsageError` for a filter that cannot match. */
export async function loadFlame(reader: SessionReader, filter: CpuFilter): Promise<FlameData> {
  const rows = await reader.rows<{ frames: number[]; us: number; samples: number; span: string | null; layer: string | null }>(
    `SELECT any_value(k.frames) AS frames, sum(self_us)::DOUBLE AS us, count(*) AS samples, s.name AS span, s.layer FROM store.samples c
       JOIN store.stacks k USING (stack) LEFT JOIN ${SPANS} s ON s.span_id = c.span_id ${await condition(reader, filter)}
     GROUP BY c.stack, s.name, s.layer ORDER BY us DESC`,
  )
  return {
    session: reader.session.name,
    filter: filterText(filter),
    frames: await loadFrames(reader),
    stacks: rows,
    us: rows.reduce((sum, row) => sum + row.us, 0),
    samples: rows.reduce((sum, row) => sum + row.samples, 0),
  }
}

/** One thread's samples in their order. */
export interface ThreadSamples {
  process: number
  thread: number
  pid: number
  service: string | null
  /** Nanoseconds since the epoch. */
  samples: { timeNs: number; us: number; frames: number[]; span: string | null }[]
}

/** The samples of each thread over time, busiest thread first. */
export async function loadTimeline(reader: SessionReader, filter: CpuFilter): Promise<ThreadSamples[]> {
  const rows = await reader.rows<{
    process: number
    thread: number
    us: number
    stack: number
    time: string | number
    span: string | null
  }>(
    `SELECT c.process, c.thread, self_us AS us, c.stack, (time_ns / 1e3)::DOUBLE AS time, s.name AS span FROM store.samples c
       LEFT JOIN ${SPANS} s ON s.span_id = c.span_id ${await condition(reader, filter)} ORDER BY time_ns`,
  )
  const stacks = new Map(
    (await reader.rows<{ stack: number; frames: number[] }>(`SELECT stack, frames FROM store.stacks`)).map((row) => [
      row.stack,
      row.frames,
    ]),
  )
  const processes = new Map(
    (await reader.rows<{ process: number; pid: number; service: string | null }>(`SELECT process, pid, service FROM processes`)).map(
      (row) => [row.process, row],
    ),
  )
  const threads = new Map<string, ThreadSamples>()
  for (const { process, thread, us, stack, time, span } of rows) {
    const key = `${process} ${thread}`
    let own = threads.get(key)
    if (own === undefined) {
      const known = processes.get(process)
      threads.set(key, (own = { process, thread, pid: known?.pid ?? process, service: known?.service ?? null, samples: [] }))
    }
    own.samples.push({ timeNs: Number(time) * 1000, us: Number(us), frames: stacks.get(stack) ?? [], span })
  }
  const cpu = ({ samples }: ThreadSamples): number => samples.reduce((sum, sample) => sum + sample.us, 0)
  return [...threads.values()].sort((a, b) => cpu(b) - cpu(a))
}

/** Every function of a session by its number. */
export async function loadFrames(reader: SessionReader): Promise<Map<number, FlameFrame>> {
  const rows = await reader.rows<FlameFrame & { frame: number }>(`SELECT frame, function, file, line FROM store.frames`)
  return new Map(rows.map(({ frame, ...rest }) => [frame, rest]))
}

const SPANS = `(SELECT span_id, name, layer FROM store.spans UNION ALL SELECT span_id, name, layer FROM store.open_spans)`

/** A WHERE clause over `store.samples c` with their span `s`. */
async function condition(reader: SessionReader, filter: CpuFilter): Promise<string> {
  const parts: string[] = []
  if (filter.layer !== undefined) parts.push(`s.layer = ${literal(filter.layer)}`)
  const roots = rootCondition(filter)
  if (roots !== undefined) {
    const [found] = await reader.rows<{ n: number }>(`SELECT count(*) AS n FROM spans WHERE ${roots}`)
    if ((found?.n ?? 0) === 0)
      throw new UsageError(`No span fits ${filterText({ ...filter, layer: undefined })}; 'perf-agent report' lists what there is.`)
    parts.push(`c.span_id IN (WITH RECURSIVE chosen AS (SELECT span_key FROM spans WHERE ${roots}
      UNION SELECT x.span_key FROM spans x JOIN chosen ON x.parent_key = chosen.span_key) SELECT span_key FROM chosen)`)
  }
  return parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`
}

function rootCondition({ span, tool, route }: CpuFilter): string | undefined {
  const parts: string[] = []
  if (span !== undefined) parts.push(/^[0-9a-f]{16}$/.test(span) ? `span_id = ${literal(span)}` : `name = ${literal(span)}`)
  if (tool !== undefined) parts.push(`layer = 'tool' AND (name = ${literal(tool)} OR (attributes->>'gen_ai.tool.name') = ${literal(tool)})`)
  if (route !== undefined)
    parts.push(`layer = 'http' AND kind = 'server' AND ((attributes->>'http.route') = ${literal(route)} OR name = ${literal(route)})`)
  return parts.length === 0 ? undefined : parts.map((part) => `(${part})`).join(' AND ')
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

function filterText(filter: CpuFilter): string {
  return Object.entries(filter)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key} ${value}`]))
    .join(', ')
}
