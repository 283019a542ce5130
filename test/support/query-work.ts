import type { SessionReader } from '../../src/store/query.ts'

interface Operator {
  operator_type?: string
  operator_name?: string
  operator_cardinality?: number
  operator_rows_scanned?: number
  children?: Operator[]
}

/** Joins that hold every row of one side against every row of the other. */
const PAIRWISE = /NESTED_LOOP|BLOCKWISE|CROSS_PRODUCT/

/**
 * What DuckDB does for a query, in rows: those that every operator of its plan gives on and reads, and the pairs that joins without a key
 * compare. It does not depend on how fast anything is.
 */
export async function workOf(reader: SessionReader, sql: string): Promise<number> {
  const [row] = await reader.rows<{ explain_value: string | Operator }>(`EXPLAIN (ANALYZE, FORMAT json) ${sql}`)
  const plan = typeof row?.explain_value === 'string' ? (JSON.parse(row.explain_value) as Operator) : row?.explain_value
  if (plan?.children === undefined) throw new Error(`no plan for ${sql}`)
  return sumOf(plan)
}

function sumOf(operator: Operator): number {
  const children = operator.children ?? []
  const own = (operator.operator_cardinality ?? 0) + (operator.operator_rows_scanned ?? 0)
  const isPairwise = PAIRWISE.test(operator.operator_type ?? operator.operator_name ?? '')
  const pairs = isPairwise ? children.reduce((product, child) => product * Math.max(1, child.operator_cardinality ?? 0), 1) : 0
  return children.reduce((sum, child) => sum + sumOf(child), own + pairs)
}

/** A reader that notes the text of every query. */
export function noting(reader: SessionReader, queries: string[]): SessionReader {
  const rows = <T>(sql: string): Promise<T[]> => {
    queries.push(sql)
    return reader.rows<T>(sql)
  }
  return { ...reader, rows }
}
