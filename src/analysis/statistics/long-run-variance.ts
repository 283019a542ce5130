/** Variance of a mean whose terms depend on each other. */
export interface MeanVariance {
  /** Of the mean. */
  variance: number
  /** Degrees of freedom of its estimate: it is as uncertain as that many squares. */
  df: number
}

/** More terms are added up to this many first, neighbours together: slow changes are all that is asked of them. */
const MAX_TERMS = 1024
/** Correlations above this are not believed to be known: at 1 nothing would be. */
const MAX_MEMORY = 0.97

/**
 * Variance of the mean of a weighted series in the order of time, whatever the dependence between its neighbours: `terms` holds each cluster's
 * share of the deviation of the estimate, so that they add up to 0. Estimated by the equally weighted cosines of Lazarus, Lewis, Stock and Watson
 * (HAR Inference: Recommendations for Practice, J. Bus. Econ. Stat. 36, 2018, eq. 10): the more the series depends on itself, the fewer cosines. Each
 * is raised to what it would be at frequency 0, were the series autoregressive (D. Andrews and J. Monahan, Econometrica 60, 1992).
 */
export function varianceOfSum(terms: Float64Array): MeanVariance {
  const series = terms.length > MAX_TERMS ? addUp(terms, MAX_TERMS) : terms
  const n = series.length
  if (n < 2) return { variance: Number.POSITIVE_INFINITY, df: 1 }
  const rho = neighbourCorrelation(series)
  const count = cosineCount(n, rho + 1 / Math.sqrt(n))
  const memory = Math.min(MAX_MEMORY, Math.max(0, rho))
  let squares = 0
  for (let j = 1; j <= count; j++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += (series[i] ?? 0) * Math.cos((Math.PI * j * (i + 0.5)) / n)
    squares += sum * sum * (1 + (2 * memory * (1 - Math.cos((Math.PI * j) / n))) / (1 - memory) ** 2)
  }
  return { variance: (2 * squares) / count, df: count }
}

/**
 * How many cosines for a correlation that is not underestimated (a short series that depends on itself must not pass for an independent one): 0.4 n^(2/3) is their advice for a correlation of 0.7 between neighbours, 0.3 the safer side; the error they weigh grows with the curvature
 * 2ρ / (1 − ρ)² of the spectrum, which gives its power −1/3 for another ρ. Short series may use more where nothing speaks for dependence.
 */
function cosineCount(n: number, correlation: number): number {
  const rho = Math.min(MAX_MEMORY, Math.max(0.02, correlation))
  const curvature = (2 * rho) / (1 - rho) ** 2
  const advised = 0.3 * n ** (2 / 3)
  const wanted = advised * (15.6 / curvature) ** (1 / 3)
  return Math.floor(Math.max(Math.min(3, n - 1), Math.min(wanted, Math.max(advised, 20), n / 2)))
}

/** Correlation of neighbours in a series around 0, corrected for its bias in short series (Marriott and Pope, Biometrika 41, 1954). */
export function neighbourCorrelation(series: Float64Array): number {
  let product = 0
  let square = 0
  for (let i = 0; i < series.length; i++) {
    product += (series[i] ?? 0) * (series[i - 1] ?? 0)
    square += (series[i] ?? 0) ** 2
  }
  // What is left of rounding where nothing varies is no series.
  if (square < 1e-24) return 0
  const rho = product / square
  return rho + (1 + 3 * rho) / series.length
}

function addUp(terms: Float64Array, size: number): Float64Array {
  const sums = new Float64Array(size)
  for (let i = 0; i < terms.length; i++) {
    const at = Math.floor((i * size) / terms.length)
    sums[at] = (sums[at] ?? 0) + (terms[i] ?? 0)
  }
  return sums
}
