import { defineFinding } from '../finding.ts'

interface Row {
  process: number
  pauses: number
  total_ms: number
  longest_ms: number
  lived_ms: number
}

/** Share of a process's life spent collecting garbage from which on it is worth a word. */
const SHARE = 0.05

/** A process that spends much of its time collecting garbage. */
export default defineFinding<Row>({
  kind: 'gc-pressure',
  about: `A process spends ${SHARE * 100} % of its time or more collecting garbage.`,
  sql: `
    SELECT process, count(*) AS pauses, sum(g.duration_ms) AS total_ms, max(g.duration_ms) AS longest_ms, any_value(lived_ms) AS lived_ms
    FROM gc g JOIN (SELECT process, epoch_ms(coalesce(ended_at, last_beat_at)) - epoch_ms(started_at) AS lived_ms FROM processes) p USING (process)
    GROUP BY process HAVING sum(g.duration_ms) >= ${SHARE} * any_value(lived_ms) AND any_value(lived_ms) > 0 ORDER BY total_ms DESC`,
  find: (rows) =>
    rows.map((row) => ({
      key: 'process',
      title: `Process ${row.process} spends ${Math.round((row.total_ms / row.lived_ms) * 100)} % of its time collecting garbage`,
      severity: row.total_ms / row.lived_ms >= 0.15 ? ('high' as const) : ('medium' as const),
      cost: { calls: row.pauses, total_ms: row.total_ms, cpu_ms: row.total_ms },
      facts: { process: row.process, longest_pause_ms: row.longest_ms, share: row.total_ms / row.lived_ms },
      query: `SELECT kind, count(*), sum(duration_ms), max(duration_ms) FROM gc WHERE process = ${row.process} GROUP BY kind`,
      advice: 'Find what allocates: `PERF_HEAP=sampling` shows bytes by function and span. Reuse buffers, stream instead of collecting, keep fewer copies of large objects; a larger young generation (`--max-semi-space-size=64`) helps when much dies young.',
    })), // prettier-ignore
})
