// Two clocks, taken at boot so that fake timers of a test never reach the recording.

const hrtimeBigint = process.hrtime.bigint
const wallNow = Date.now

/** Monotonic nanoseconds (process.hrtime, the clock of V8's profiler samples). */
export function nowNs(): number {
  return Number(hrtimeBigint())
}

/** Milliseconds since the epoch. */
export function wallMs(): number {
  return wallNow()
}
