import type { SessionReader } from '../store/query.ts'

/** `address:port` of an outgoing HTTP span, the port only where it is not the usual one; `null` for any other span. */
export const OUTGOING_TARGET = `CASE WHEN layer = 'http' AND kind = 'client' THEN nullif(concat_ws(':', attributes->>'server.address',
  CASE WHEN attributes->>'server.port' NOT IN ('80', '443') THEN attributes->>'server.port' END), '') END`

/** Where outgoing requests of these span names went, `api.openai.com` or `api.openai.com +2`: their names are methods alone. */
export async function outgoingTargets(reader: SessionReader, names: readonly string[]): Promise<Map<string, string>> {
  if (names.length === 0) return new Map()
  const list = [...new Set(names)].map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')
  const rows = await reader.rows<{ name: string; target: string; others: number }>(
    `SELECT name, arg_max(target, n) AS target, count(*) - 1 AS others FROM (
       SELECT name, ${OUTGOING_TARGET} AS target, sum(weight) AS n FROM spans WHERE layer = 'http' AND kind = 'client' AND name IN (${list}) GROUP BY ALL)
     WHERE target IS NOT NULL GROUP BY name`,
  )
  return new Map(rows.map(({ name, target, others }) => [name, others > 0 ? `${target} +${others}` : target]))
}
