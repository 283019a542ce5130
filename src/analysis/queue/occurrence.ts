/** `failed` of `calls`. */
interface Share {
  failed: number
  calls: number
}

/**
 * Fisher's exact test, one-sided: how probable it is that so few of the calls afterwards fail if they failed as often as before
 * (hypergeometric distribution; Fisher 1922). Counts are rounded.
 */
export function fewerFailures(before: Share, after: Share): number {
  const [n1, n2] = [Math.round(before.calls), Math.round(after.calls)]
  const failed = Math.round(before.failed) + Math.round(after.failed)
  const total = logChoose(n1 + n2, failed)
  let p = 0
  for (let k = Math.max(0, failed - n1); k <= Math.min(Math.round(after.failed), n2, failed); k++)
    p += Math.exp(logChoose(n2, k) + logChoose(n1, failed - k) - total)
  return Math.min(1, p)
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k)
}

/** Exact sums up to 256, Stirling's series with two terms above (error below 1e-10). */
function logFactorial(n: number): number {
  if (n < 256) {
    let sum = 0
    for (let i = 2; i <= n; i++) sum += Math.log(i)
    return sum
  }
  return n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n) - 1 / (360 * n ** 3)
}
