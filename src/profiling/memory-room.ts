import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** How much more memory this process may take. */
export interface MemoryRoom {
  bytes: number
  /** What sets the limit. */
  limitedBy: 'control group' | 'machine'
  /** The limit itself, in bytes. */
  limitBytes: number
}

/** v1 says "no limit" with a number near 2⁶³. */
const NO_LIMIT = 2 ** 60

/** Looks at the control groups of the process (v1 and v2, those around it included) and at the machine; the tightest counts. */
export function memoryRoom(root = '/sys/fs/cgroup', membership = '/proc/self/cgroup', meminfo = '/proc/meminfo'): MemoryRoom {
  let room: MemoryRoom = { bytes: availableOnMachine(meminfo), limitedBy: 'machine', limitBytes: os.totalmem() }
  for (const folder of groupFolders(root, membership)) {
    const limitBytes = numberIn(folder, 'memory.max') ?? numberIn(folder, 'memory.limit_in_bytes')
    const used = numberIn(folder, 'memory.current') ?? numberIn(folder, 'memory.usage_in_bytes')
    if (limitBytes === undefined || used === undefined || limitBytes >= NO_LIMIT) continue
    // Pages of files that nobody has touched lately are given up first.
    const bytes = Math.max(0, limitBytes - used + reclaimable(folder))
    if (bytes < room.bytes) room = { bytes, limitedBy: 'control group', limitBytes }
  }
  return room
}

function availableOnMachine(meminfo: string): number {
  const available = /^MemAvailable:\s*(\d+) kB/m.exec(textOf(meminfo))?.[1]
  return available === undefined ? os.freemem() : Number(available) * 1024
}

/** The process's own group and those around it. A container may see its own group as the root of the mount. */
function groupFolders(root: string, membership: string): string[] {
  const folders: string[] = []
  for (const line of textOf(membership).trim().split('\n')) {
    const [, controllers = '', ...rest] = line.split(':')
    const isV2 = controllers === ''
    if (!isV2 && !controllers.split(',').includes('memory')) continue
    const mounts = isV2 ? [root, path.join(root, 'unified')] : [path.join(root, 'memory')]
    for (const mount of mounts) folders.push(...upwards(mount, rest.join(':')))
  }
  return folders.filter((folder) => fs.existsSync(folder))
}

function upwards(mount: string, group: string): string[] {
  const folders: string[] = []
  for (let at = path.posix.normalize(group || '/'); ; at = path.posix.dirname(at)) {
    folders.push(path.join(mount, at))
    if (at === '/' || at === '.') return folders
  }
}

function reclaimable(folder: string): number {
  const stat = textOf(path.join(folder, 'memory.stat'))
  return Number(/^(?:total_)?inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0)
}

function numberIn(folder: string, name: string): number | undefined {
  const text = textOf(path.join(folder, name)).trim()
  const value = text === '' ? NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
