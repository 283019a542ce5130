import type { SessionReader } from '../../store/query.ts'

/** Source of a function that was recorded as a tool. */
export interface VariantCode {
  variant: string
  name: string
  /** Relative to where the program ran, where it is below; null for a function that was given to `benchmark`. */
  file: string | null
  line: number | null
  source: string
}

/** The tools that took part in the traces, by the time they took; only those whose source was kept. */
export async function codeOfTraces(reader: SessionReader, traceIds: readonly string[], limit: number): Promise<VariantCode[]> {
  const ids = traceIds.filter((id) => /^[0-9a-f]{32}$/.test(id))
  if (ids.length === 0) return []
  const { cwd } = reader.session.json
  const rows = await reader.rows<VariantCode>(
    `SELECT v.variant, v.name, v.file, v.line, v.source FROM variants v JOIN
      (SELECT variant, sum(duration_ms * weight) AS ms FROM spans WHERE variant IS NOT NULL AND trace_id IN (${ids.map((id) => `'${id}'`).join(', ')}) GROUP BY variant) s USING (variant)
     WHERE v.source IS NOT NULL ORDER BY s.ms DESC, v.name, v.variant LIMIT ${limit}`,
  )
  return rows.map((row) => ({
    ...row,
    file: cwd !== undefined && row.file?.startsWith(`${cwd}/`) === true ? row.file.slice(cwd.length + 1) : row.file,
  }))
}
