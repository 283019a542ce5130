import fs from 'node:fs'
import os from 'node:os'
import { seriesKey } from '../core/metric-units.ts'
import { CgroupReader } from './cgroup.ts'

/** Adds one measurement; undefined ones are left out. */
export type AddMetric = (key: string, value: number | undefined) => void

const DESCRIPTORS_EVERY = 5
/** Telling sockets from files costs a system call each: beyond this many descriptors it is left out. */
const MAX_INSPECTED_DESCRIPTORS = 2000

const USER = seriesKey('process.cpu.time', { 'cpu.mode': 'user' })
const SYSTEM = seriesKey('process.cpu.time', { 'cpu.mode': 'system' })
const READ = seriesKey('process.disk.io', { 'disk.io.direction': 'read' })
const WRITE = seriesKey('process.disk.io', { 'disk.io.direction': 'write' })
const RECEIVE = seriesKey('system.network.io', { 'network.io.direction': 'receive' })
const TRANSMIT = seriesKey('system.network.io', { 'network.io.direction': 'transmit' })
const VOLUNTARY = seriesKey('process.context_switches', { 'process.context_switch.type': 'voluntary' })
const INVOLUNTARY = seriesKey('process.context_switches', { 'process.context_switch.type': 'involuntary' })
const MINOR = seriesKey('process.paging.faults', { 'system.paging.fault.type': 'minor' })
const MAJOR = seriesKey('process.paging.faults', { 'system.paging.fault.type': 'major' })

/** Measures the whole process and its host from the writer thread, without the app thread: about 10 system calls. */
export class ProcessMetrics {
  private readonly cgroup = new CgroupReader()
  private readonly cpus = os.availableParallelism()
  private reads = 0
  private descriptors: number | undefined
  private sockets: number | undefined
  private threads: number | undefined
  private lastCpuUs = 0
  private lastNs = 0

  /** Measures and gives the CPU time of the whole process since the last call, in microseconds. */
  read(add: AddMetric, nowNs: number): number {
    const { user, system } = process.cpuUsage()
    const usedUs = user + system - this.lastCpuUs
    add(USER, user / 1e6)
    add(SYSTEM, system / 1e6)
    if (this.lastNs > 0 && nowNs > this.lastNs) {
      add('process.cpu.utilization', Math.min(1, (usedUs * 1000) / (nowNs - this.lastNs) / this.cpus))
    }
    this.lastCpuUs = user + system
    this.lastNs = nowNs
    this.readMemory(add)
    this.readCounters(add)
    this.readDescriptors(add)
    this.readHost(add)
    return usedUs
  }

  private readMemory(add: AddMetric): void {
    add('process.memory.usage', process.memoryUsage.rss())
    const group = this.cgroup.read()
    add('perf.cgroup.memory.limit', group?.memoryLimit)
    add('perf.cgroup.memory.usage', group?.memoryUsage)
    add('perf.cgroup.cpu.limit', group?.cpuLimit)
    add('perf.cgroup.cpu.throttled.time', group?.throttledTime)
    add('perf.cgroup.cpu.throttled.periods', group?.throttledPeriods)
  }

  private readCounters(add: AddMetric): void {
    const usage = process.resourceUsage()
    add('perf.process.memory.peak', usage.maxRSS * 1024)
    add(VOLUNTARY, usage.voluntaryContextSwitches)
    add(INVOLUNTARY, usage.involuntaryContextSwitches)
    add(MINOR, usage.minorPageFault)
    add(MAJOR, usage.majorPageFault)
    const io = textOf('/proc/self/io')
    add(READ, fieldOf(io, 'read_bytes:'))
    add(WRITE, fieldOf(io, 'write_bytes:'))
  }

  private readDescriptors(add: AddMetric): void {
    if (this.reads++ % DESCRIPTORS_EVERY === 0) this.countDescriptors()
    add('process.unix.file_descriptor.count', this.descriptors)
    add('perf.process.socket.count', this.sockets)
    add('process.thread.count', this.threads)
  }

  private countDescriptors(): void {
    const folder = '/proc/self/fd'
    try {
      this.threads = fs.readdirSync('/proc/self/task').length
      const names = fs.readdirSync(folder)
      this.descriptors = names.length
      this.sockets = names.length > MAX_INSPECTED_DESCRIPTORS ? undefined : names.filter((name) => isSocket(`${folder}/${name}`)).length
    } catch {
      this.descriptors = undefined
      this.sockets = undefined
      this.threads = undefined
    }
  }

  /** Network traffic is that of the network namespace (the container, or the host): Linux keeps no count by process. */
  private readHost(add: AddMetric): void {
    if (process.platform !== 'win32') add('system.cpu.load_average.1m', os.loadavg()[0])
    add('system.cpu.logical.count', this.cpus)
    add('system.memory.usage', os.totalmem() - os.freemem())
    const devices = textOf('/proc/self/net/dev')?.split('\n').slice(2)
    if (devices === undefined) return
    let received = 0
    let sent = 0
    for (const device of devices) {
      const [name = '', ...fields] = device.trim().split(/[:\s]+/)
      if (name === '' || name === 'lo') continue
      received += Number(fields[0]) || 0
      sent += Number(fields[8]) || 0
    }
    add(RECEIVE, received)
    add(TRANSMIT, sent)
  }
}

function isSocket(link: string): boolean {
  try {
    return fs.readlinkSync(link).startsWith('socket:')
  } catch {
    return false
  }
}

function fieldOf(text: string | undefined, name: string): number | undefined {
  const at = text === undefined ? -1 : text.search(new RegExp(`^${name}`, 'm'))
  return text === undefined || at < 0 ? undefined : Number.parseInt(text.slice(at + name.length), 10)
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
}
