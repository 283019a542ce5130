// Disks that refuse: what a test needs to make them.
import { execFileSync } from 'node:child_process'

export const isRoot = process.getuid?.() === 0

/** Command prefix that runs a program as a user to whom file modes apply: nobody, when this is root. */
export const asNobody: readonly string[] = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []

/** Mounts a file system of `bytes` on an existing folder and gives back what takes it away; undefined where that is not allowed. */
export function mountSmall(folder: string, bytes: number): (() => void) | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0777`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return () => void execFileSync('umount', ['-l', folder], { stdio: 'ignore' })
}
