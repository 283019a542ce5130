/** Probability that a Student t variable with `df` degrees of freedom lies further from 0 than `t`, on either side. */
export function studentTails(t: number, df: number): number {
  if (!Number.isFinite(t)) return Number.isNaN(t) ? 1 : 0
  return incompleteBeta(df / (df + t * t), df / 2, 0.5)
}

/** The value a Student t variable exceeds in size with probability `tails` (two-sided), found by bisection; `df` may be a fraction. */
export function studentQuantile(tails: number, df: number): number {
  let low = 0
  let high = 1
  while (studentTails(high, df) > tails && high < 1e12) high *= 2
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2
    if (studentTails(middle, df) > tails) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** A random Student t variable (R. W. Bailey, Polar generation of random variates with the t-distribution, Math. Comp. 62, 1994). */
export function studentDraw(random: () => number, df: number): number {
  const radius = Math.sqrt(df * ((1 - random()) ** (-2 / df) - 1))
  return radius * Math.cos(2 * Math.PI * random())
}

/** Regularised incomplete beta function I_x(a, b): the continued fraction DLMF 8.17.22, evaluated by Lentz's method. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  // The fraction converges fast below the mean only (DLMF 8.17.4: I_x(a, b) = 1 − I_{1−x}(b, a)).
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  let c = 1
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m < 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / nonZero(1 + even * d)
    c = nonZero(1 + even / c)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / nonZero(1 + odd * d)
    c = nonZero(1 + odd / c)
    fraction *= d * c
    if (Math.abs(d * c - 1) < 1e-14) break
  }
  return front * fraction
}

const nonZero = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value)

const LANCZOS = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905, -0.13857109526572012,
  9.984369578019572e-6, 1.5056327351493116e-7,
] // prettier-ignore

/** Logarithm of the gamma function for x > 0 (C. Lanczos 1964, coefficients for g = 7, n = 9; error below 1e-14). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const z = x - 1
  const sum = LANCZOS.reduce((total, coefficient, i) => total + coefficient / (z + i + 1), 0.9999999999998099)
  const t = z + 7.5
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum)
}
