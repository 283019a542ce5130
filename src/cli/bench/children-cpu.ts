import { readFileSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second for user space, whatever the kernel's own tick is. */
const TICK_MS = 10

/**
 * CPU milliseconds of all child processes that have ended, with theirs; exact to 10 ms. Undefined where the system does not say
 * (it is read from /proc: proc_pid_stat(5), fields 16 and 17).
 */
export function childrenCpuMs(): number | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[13]) + Number(fields[14])
    return Number.isFinite(ticks) ? ticks * TICK_MS : undefined
  } catch {
    return undefined
  }
}
