import type { SessionReader } from '../store/query.ts'

/** Where a session allocated (`PERF_HEAP=sampling`). */
export interface Allocations {
  total_bytes: number
  sites: { function: string; file: string | null; line: number | null; bytes: number }[]
  spans: { name: string | null; layer: string | null; bytes: number }[]
}

/** What a session's heap snapshots and heap profiles say. */
export interface HeapReport {
  /** Heap snapshots that could be read. */
  snapshots: number
  /** Classes that grew most from the first snapshot of a process to its last. */
  growth: { class: string; count_before: number; count_after: number; bytes_change: number }[]
  allocations: Allocations
}

/** Reads both; empty where there is neither. */
export async function heapReport(reader: SessionReader, limit: number): Promise<HeapReport> {
  const [counted] = await reader.rows<{ snapshots: number }>(`SELECT count(DISTINCT snapshot) AS snapshots FROM heap_classes`)
  return {
    snapshots: counted?.snapshots ?? 0,
    growth:
      await reader.rows(`WITH ends AS (SELECT process, arg_min(snapshot, time) AS first, arg_max(snapshot, time) AS last FROM heap_classes
        WHERE thread = 0 GROUP BY process HAVING count(DISTINCT snapshot) > 1)
      SELECT class, coalesce(sum(count) FILTER (snapshot = first), 0)::BIGINT AS count_before, coalesce(sum(count) FILTER (snapshot = last), 0)::BIGINT AS count_after,
        (coalesce(sum(self_bytes) FILTER (snapshot = last), 0) - coalesce(sum(self_bytes) FILTER (snapshot = first), 0))::BIGINT AS bytes_change
      FROM heap_classes h JOIN ends ON h.process IS NOT DISTINCT FROM ends.process GROUP BY class HAVING bytes_change > 0
      ORDER BY bytes_change DESC, class LIMIT ${limit}`),
    allocations: await allocations(reader, limit),
  }
}

/** Allocations by call site and by span, the largest first. */
export async function allocations(reader: SessionReader, limit: number): Promise<Allocations> {
  const [total] = await reader.rows<{ bytes: number | null }>(`SELECT sum(bytes)::BIGINT AS bytes FROM allocations`)
  return {
    total_bytes: total?.bytes ?? 0,
    sites: await reader.rows(
      `SELECT function, file, line, sum(bytes)::BIGINT AS bytes FROM allocations GROUP BY ALL ORDER BY bytes DESC, function LIMIT ${limit}`,
    ),
    spans: await reader.rows(
      `SELECT name, layer, sum(bytes)::BIGINT AS bytes FROM span_allocations GROUP BY ALL ORDER BY bytes DESC, name LIMIT ${limit}`,
    ),
  }
}
