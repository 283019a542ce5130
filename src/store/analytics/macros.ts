// Aggregates for queries over the views. `top_traces(trace_key, rank)`: ids of up to three traces, those with the largest ranks; rows whose
// `trace_key` is null are left out.
//
// `weighted_quantiles(value, weight, [0.5, 0.95])` and `weighted_quantile(value, weight, 0.95)`: for sampled sessions.
//
// A span of weight w stands for w calls: the quantile is `quantile_cont` of the session in which each value occurs w times. With the values
// sorted and S(k) the sum of the first k weights, the rank (S(n) - 1) * q lies within value k + 1 when S(k) <= rank < S(k + 1), or between it
// and the next. k is found bit by bit from sums of the list's beginning: n log n, and exact. Values that are null do not count.

const VALUES = `(list(value::DOUBLE ORDER BY value) FILTER (value IS NOT NULL))`
const WEIGHTS = `(list(weight::DOUBLE ORDER BY value) FILTER (value IS NOT NULL))`
const RANK = `((sum(weight::DOUBLE) FILTER (value IS NOT NULL) - 1) * q)`
/** Zero to start from, then the powers of two from 2^25 (34 million values) down to 1. */
const STEPS = `[0, ${Array.from({ length: 26 }, (_, i) => 2 ** (25 - i)).join(', ')}]`
const BEFORE = `list_reduce(${STEPS}, lambda k, step: CASE WHEN k + step < len(${WEIGHTS}) AND list_sum(${WEIGHTS}[1:k + step]) <= ${RANK} THEN k + step ELSE k END)`
const AT = `[${BEFORE}]`
const VALUE = `list_transform(${AT}, lambda k: ${VALUES}[k + 1]
  + greatest(0, ${RANK} + 1 - list_sum(${WEIGHTS}[1:k + 1])) * (coalesce(${VALUES}[k + 2], ${VALUES}[k + 1]) - ${VALUES}[k + 1]))[1]`

const TRACE_TEXT = `printf('%016x%016x', (key >> 64)::UBIGINT, (key & 18446744073709551615::UHUGEINT)::UBIGINT)`

/** Statements that make the aggregates. Where every span stands for itself the quantiles are DuckDB's own, which are quicker. */
export function aggregateMacros(isWeighted: boolean): string[] {
  const many = isWeighted
    ? `CASE WHEN count(value) > 0 THEN list_transform(quantiles, lambda q: ${VALUE}) END`
    : 'quantile_cont(value::DOUBLE, quantiles)'
  return [
    // The largest first, equal ones in the order of their ids: the same for the same session, in bounded memory.
    `CREATE OR REPLACE MACRO main.top_traces(trace_key, rank) AS list_transform(arg_max(trace_key, { rank: coalesce(rank::DOUBLE, '-infinity'::DOUBLE),
      id: 340282366920938463463374607431768211455::UHUGEINT - trace_key }, 3), lambda key: ${TRACE_TEXT})`,
    `CREATE OR REPLACE MACRO main.weighted_quantiles(value, weight, quantiles) AS ${many}`,
    `CREATE OR REPLACE MACRO main.weighted_quantile(value, weight, q) AS ${isWeighted ? `CASE WHEN count(value) > 0 THEN ${VALUE} END` : 'quantile_cont(value::DOUBLE, q)'}`,
  ]
}
