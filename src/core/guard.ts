// Every entry of agent code into the app's flow passes through here: a fault of ours is counted and logged once, never thrown.

export interface FaultSink {
  fault(where: string, error: unknown): void
}

let sink: FaultSink = { fault() {} }
const faults = new Map<string, number>()
/** After this many faults a `where` is switched off. */
const MAX_FAULTS = 20

/** Where faults are reported; set once at boot. */
export function setFaultSink(next: FaultSink): void {
  sink = next
}

/** Runs `fn`; on a throw counts it under `where` and returns undefined. */
export function guard<T>(where: string, fn: () => T): T | undefined {
  try {
    return fn()
  } catch (error) {
    noteFault(where, error)
    return undefined
  }
}

/** Counts a fault of `where` (an integration's or a part's name). */
export function noteFault(where: string, error: unknown): void {
  const count = (faults.get(where) ?? 0) + 1
  faults.set(where, count)
  try {
    sink.fault(where, error)
  } catch {
    // nothing may come out of here
  }
}

/** True once `where` has failed so often that it is left out. */
export function isSwitchedOff(where: string): boolean {
  return faults.size !== 0 && (faults.get(where) ?? 0) >= MAX_FAULTS
}
