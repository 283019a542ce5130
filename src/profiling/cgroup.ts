import fs from 'node:fs'
import path from 'node:path'

/** What the control group of the process allows and has used; undefined where it says nothing. Sizes in bytes, times in seconds. */
export interface CgroupUsage {
  memoryLimit: number | undefined
  memoryUsage: number | undefined
  /** CPUs' worth of time the group may use. */
  cpuLimit: number | undefined
  throttledTime: number | undefined
  throttledPeriods: number | undefined
}

/** Files of one controller, the group's own first, then those of the groups around it: the tightest limit counts. */
interface Folders {
  memory: string[]
  cpu: string[]
  isV2: boolean
}

const LIMITS_EVERY = 10
/** v1 says "no limit" with a number near 2⁶³. */
const NO_LIMIT = 2 ** 60

/** Reads the control group of this process: v2, or v1 controllers; nothing at all outside Linux. */
export class CgroupReader {
  private readonly folders: Folders | undefined
  private reads = 0
  private memoryLimit: number | undefined
  private cpuLimit: number | undefined

  constructor(root = '/sys/fs/cgroup', membership = '/proc/self/cgroup') {
    this.folders = findFolders(root, membership)
  }

  /** The group's figures now; limits are looked up every tenth time. */
  read(): CgroupUsage | undefined {
    const { folders } = this
    if (folders === undefined) return undefined
    if (this.reads++ % LIMITS_EVERY === 0) {
      this.memoryLimit = tightest(folders.memory, (folder) => memoryLimitOf(folder, folders.isV2))
      this.cpuLimit = tightest(folders.cpu, (folder) => cpuLimitOf(folder, folders.isV2))
    }
    const stat = statOf(folders.cpu[0])
    const throttledUs = stat['throttled_usec']
    const throttledNs = stat['throttled_time']
    return {
      memoryLimit: this.memoryLimit,
      memoryUsage: numberIn(folders.memory[0], folders.isV2 ? 'memory.current' : 'memory.usage_in_bytes'),
      cpuLimit: this.cpuLimit,
      throttledTime: throttledUs !== undefined ? throttledUs / 1e6 : throttledNs === undefined ? undefined : throttledNs / 1e9,
      throttledPeriods: stat['nr_throttled'],
    }
  }
}

function findFolders(root: string, membership: string): Folders | undefined {
  const lines = textOf(membership)?.trim().split('\n')
  if (lines === undefined) return undefined
  const paths = new Map<string, string>()
  for (const line of lines) {
    const [, controllers = '', ...rest] = line.split(':')
    for (const controller of controllers.split(',')) paths.set(controller, rest.join(':'))
  }
  const v1Memory = paths.get('memory')
  if (v1Memory !== undefined) {
    return {
      memory: upwards(path.join(root, 'memory'), v1Memory),
      cpu: upwards(path.join(root, 'cpu'), paths.get('cpu') ?? '/'),
      isV2: false,
    }
  }
  const v2 = paths.get('')
  if (v2 === undefined) return undefined
  return { memory: upwards(root, v2), cpu: upwards(root, v2), isV2: true }
}

/** A container sees its own group at the mount's root, whatever its membership file says: folders that are not there are left out. */
function upwards(mount: string, group: string): string[] {
  const folders: string[] = []
  for (let at = path.posix.normalize(group); ; at = path.posix.dirname(at)) {
    const folder = path.join(mount, at)
    if (fs.existsSync(folder)) folders.push(folder)
    if (at === '/' || at === '.') return folders
  }
}

function memoryLimitOf(folder: string, isV2: boolean): number | undefined {
  const limit = numberIn(folder, isV2 ? 'memory.max' : 'memory.limit_in_bytes')
  return limit !== undefined && limit < NO_LIMIT ? limit : undefined
}

function cpuLimitOf(folder: string, isV2: boolean): number | undefined {
  if (isV2) {
    const [quota, period] = (textOf(path.join(folder, 'cpu.max')) ?? '').trim().split(' ').map(Number)
    return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined
  }
  const quota = numberIn(folder, 'cpu.cfs_quota_us') ?? -1
  const period = numberIn(folder, 'cpu.cfs_period_us') ?? 0
  return quota > 0 && period > 0 ? quota / period : undefined
}

function tightest(folders: readonly string[], limitOf: (folder: string) => number | undefined): number | undefined {
  const limits = folders.flatMap((folder) => limitOf(folder) ?? [])
  return limits.length === 0 ? undefined : Math.min(...limits)
}

function statOf(folder: string | undefined): Record<string, number | undefined> {
  const text = folder === undefined ? undefined : textOf(path.join(folder, 'cpu.stat'))
  const lines = (text ?? '').split('\n').filter(Boolean)
  return Object.fromEntries(lines.map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]))
}

function numberIn(folder: string | undefined, name: string): number | undefined {
  const text = folder === undefined ? undefined : textOf(path.join(folder, name))?.trim()
  const value = text === undefined || text === '' ? NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
