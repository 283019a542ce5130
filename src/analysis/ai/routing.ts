import type { SessionReader } from '../../store/query.ts'
import { quantileOfCalls, weightedSample, type Sample } from '../statistics/weighted-sample.ts'
import { PLACED_CALLS } from './calls.ts'

/** What the calls of one model would have cost and taken at another one that the same session used. */
export interface RouteWhatIf {
  model: string
  instead: string
  calls: number
  cost_usd: number | null
  instead_usd: number | null
  p50_ms: number
  instead_p50_ms: number
  p95_ms: number
  instead_p95_ms: number
  success: number
  instead_success: number
  /** Callers that used both: the figures of `instead` are from them; empty: from all of its calls. */
  shared_callers: string[]
  /** Calls of `instead` that the figures rest on. */
  based_on: number
}

/** What every line of the routing what-if takes for granted. */
export const ROUTING_ASSUMPTIONS = [
  'the other model would have taken and given as many tokens',
  'its price per input and per output token is that of its own recorded calls, its latency too, moved by what more or fewer output tokens cost it',
  'figures are of callers that use both models where there are such, else of all its calls',
  'nothing is said about the quality of its answers: see scores and rewards',
] as const

/** Sums of the answered calls of one model at one caller. */
interface Cell {
  caller: string
  model: string
  n: number
  calls: number
  failed: number
  usd: number | null
  priced: number
  /** Sums over the priced calls: input, output, their squares and products with each other and with cost. */
  i: number
  o: number
  ii: number
  io: number
  oo: number
  iu: number
  ou: number
  /** Sums over the answered calls: output tokens, milliseconds, for the slope between them. */
  timed: number
  t_o: number
  t_ms: number
  t_oo: number
  t_oms: number
  /** Of answered calls, at most `KEPT` of them. */
  durations: Sample[]
}

/** A model needs so many calls before it is compared. */
const MIN_CALLS = 3
/** So many durations per caller and model are kept for percentiles. */
const KEPT = 2000

/** Every pair of models of a session, where the other one costs or takes less. */
export async function routingWhatIf(reader: SessionReader, limit: number): Promise<RouteWhatIf[]> {
  const cells = await reader.rows<Cell>(
    `WITH calls AS (SELECT coalesce(caller, '(top level)') AS caller, model, status, weight::DOUBLE AS w, cost_usd AS u, coalesce(input_tokens, 0)::DOUBLE AS i,
         coalesce(output_tokens, 0)::DOUBLE AS o, duration_ms AS ms, span_key FROM (${PLACED_CALLS}) WHERE model IS NOT NULL AND coalesce(operation, 'chat') NOT IN ('embeddings', 'rerank', 'count_tokens')),
       kept AS (SELECT caller, model, list({ value: ms, weight: w } ORDER BY hash(span_key))[1:${KEPT}] AS durations FROM calls WHERE status <> 'error' GROUP BY caller, model)
     SELECT caller, model, count(*) AS n, sum(w) AS calls, coalesce(sum(w) FILTER (status = 'error'), 0) AS failed, sum(u * w) AS usd, count(u) AS priced,
       coalesce(sum(i * w) FILTER (u IS NOT NULL), 0) AS i, coalesce(sum(o * w) FILTER (u IS NOT NULL), 0) AS o, coalesce(sum(i * i * w) FILTER (u IS NOT NULL), 0) AS ii,
       coalesce(sum(i * o * w) FILTER (u IS NOT NULL), 0) AS io, coalesce(sum(o * o * w) FILTER (u IS NOT NULL), 0) AS oo, coalesce(sum(i * u * w), 0) AS iu, coalesce(sum(o * u * w), 0) AS ou,
       coalesce(sum(w) FILTER (status <> 'error'), 0) AS timed, coalesce(sum(o * w) FILTER (status <> 'error'), 0) AS t_o, coalesce(sum(ms * w) FILTER (status <> 'error'), 0) AS t_ms,
       coalesce(sum(o * o * w) FILTER (status <> 'error'), 0) AS t_oo, coalesce(sum(o * ms * w) FILTER (status <> 'error'), 0) AS t_oms, coalesce(any_value(durations), []) AS durations
     FROM calls LEFT JOIN kept USING (caller, model) GROUP BY caller, model ORDER BY usd DESC NULLS LAST, model, caller LIMIT 400`,
  )
  const models = [...new Set(cells.map(({ model }) => model))]
  const pairs = models.flatMap((model) => models.flatMap((instead) => (model === instead ? [] : (whatIf(cells, model, instead) ?? []))))
  return pairs
    .filter(isWorthKnowing)
    .sort((a, b) => saved(b) - saved(a) || b.p50_ms - b.instead_p50_ms - (a.p50_ms - a.instead_p50_ms) || (a.model < b.model ? -1 : 1))
    .slice(0, limit)
}

const saved = ({ cost_usd: usd, instead_usd: instead }: RouteWhatIf): number => (usd === null || instead === null ? 0 : usd - instead)
const isWorthKnowing = (row: RouteWhatIf): boolean => saved(row) > 0 || row.instead_p50_ms < row.p50_ms

function whatIf(cells: readonly Cell[], model: string, instead: string): RouteWhatIf | undefined {
  const own = cells.filter((cell) => cell.model === model)
  const all = cells.filter((cell) => cell.model === instead)
  const callers = new Set(own.map(({ caller }) => caller))
  const shared = all.filter(({ caller, n }) => callers.has(caller) && n >= MIN_CALLS)
  const at = shared.length > 0 ? shared : all
  const [mine, its] = [added(own), added(at)]
  if (mine.n < MIN_CALLS || its.n < MIN_CALLS || mine.durations.length === 0 || its.durations.length === 0) return undefined
  const price = pricesOf(its)
  const slower = msPerToken(its) * (mine.t_o / mine.timed - its.t_o / its.timed)
  const [mineTook, itsTook] = [weightedSample(mine.durations), weightedSample(its.durations)]
  const moved = (p: number): number => Math.max(0, quantileOfCalls(itsTook, p) + slower)
  return {
    model,
    instead,
    calls: Math.round(mine.calls),
    cost_usd: mine.usd,
    instead_usd: price === undefined || mine.usd === null ? null : mine.i * price.input + mine.o * price.output,
    p50_ms: quantileOfCalls(mineTook, 0.5),
    instead_p50_ms: moved(0.5),
    p95_ms: quantileOfCalls(mineTook, 0.95),
    instead_p95_ms: moved(0.95),
    success: 1 - mine.failed / mine.calls,
    instead_success: 1 - its.failed / its.calls,
    shared_callers: shared.map(({ caller }) => caller).sort(),
    based_on: its.n,
  }
}

function added(cells: readonly Cell[]): Omit<Cell, 'caller' | 'model'> {
  const sum = (key: Exclude<keyof Cell, 'caller' | 'model' | 'durations' | 'usd'>): number =>
    cells.reduce((total, cell) => total + cell[key], 0)
  const priced = cells.filter(({ usd }) => usd !== null)
  return {
    n: sum('n'), calls: sum('calls'), failed: sum('failed'), priced: sum('priced'), i: sum('i'), o: sum('o'), ii: sum('ii'), io: sum('io'), oo: sum('oo'),
    iu: sum('iu'), ou: sum('ou'), timed: sum('timed'), t_o: sum('t_o'), t_ms: sum('t_ms'), t_oo: sum('t_oo'), t_oms: sum('t_oms'),
    usd: priced.length === 0 ? null : priced.reduce((total, { usd }) => total + (usd ?? 0), 0), durations: cells.flatMap(standing),
  } // prettier-ignore
}

/** The durations kept of a caller, with the weight of all its answered calls. */
function standing({ durations, timed }: Cell): Sample[] {
  const kept = durations.reduce((total, { weight }) => total + weight, 0)
  return durations.map(({ value, weight }) => ({ value, weight: (weight * timed) / kept }))
}

/** Least squares of cost on input and output tokens, without a constant; where they do not tell the two apart, one price for every token. */
function pricesOf({ usd, i, o, ii, io, oo, iu, ou }: Omit<Cell, 'caller' | 'model'>): { input: number; output: number } | undefined {
  if (usd === null || i + o === 0) return undefined
  const determinant = ii * oo - io * io
  const input = (iu * oo - ou * io) / determinant
  const output = (ou * ii - iu * io) / determinant
  const isTold = determinant > 1e-6 * ii * oo && input >= 0 && output >= 0
  return isTold ? { input, output } : { input: usd / (i + o), output: usd / (i + o) }
}

/** Slope of duration over output tokens; 0 where more tokens do not take longer. */
function msPerToken({ n, timed, t_o: o, t_ms: ms, t_oo: oo, t_oms: oms }: Omit<Cell, 'caller' | 'model'>): number {
  const spread = timed * oo - o * o
  return n < 10 || spread <= 1e-6 * timed * oo ? 0 : Math.max(0, (timed * oms - o * ms) / spread)
}
