/**
 * The counted AI calls with the place they were made at: their parent, or the one above a framework's span around them. Calls of one place
 * are siblings. `caller` is its name. Joined by one key each: with a condition of the left side beside it the join would be quadratic.
 */
export const PLACED_CALLS = `
  SELECT a.*, CASE WHEN w.span_id IS NULL THEN a.parent_key ELSE p.parent_key END AS place, CASE WHEN w.span_id IS NULL THEN p.name ELSE g.name END AS caller
  FROM ai_calls a LEFT JOIN spans p ON p.span_key = a.parent_key LEFT JOIN store.ai_uncounted w ON w.span_id = a.parent_key
    LEFT JOIN spans g ON g.span_key = CASE WHEN w.span_id IS NOT NULL THEN p.parent_key END
  WHERE a.status <> 'open'`

/** Sums of a column of tokens, weighted; as double, because a token count times a FLOAT would be rounded to 24 bits. */
export const tokens = (column: string): string => `round(coalesce(sum(${column} * weight::DOUBLE), 0))::BIGINT`

/** A text as an SQL literal. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
