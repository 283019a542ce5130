import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryRoom } from '../../src/profiling/memory-room.ts'
import { planSnapshot } from '../../src/profiling/snapshot-plan.ts'

const MB = 1 << 20

describe('the plan of a heap snapshot', () => {
  const room = { bytes: 512 * MB, limitedBy: 'control group' as const, limitBytes: 1024 * MB }

  it('refuses with figures what does not fit', () => {
    const plan = planSnapshot({ usedBytes: 203 * MB, largeBytes: 0 }, room)
    expect(plan.refusal).toBe(
      'a heap of 203 MB (up to 5,321,523 objects) needs about 2.1 GB more memory for a snapshot, and 512 MB are free (the control group is limited to 1.0 GB)',
    )
  })

  it('names the reserve where that is what does not fit', () => {
    const plan = planSnapshot({ usedBytes: 42 * MB, largeBytes: 0 }, room)
    expect(plan.refusal).toContain('needs about 473 MB more memory for a snapshot, with a reserve of 15 % for the app, and 512 MB are free')
  })

  it('allows what fits, and says how long the app will stand still', () => {
    expect(planSnapshot({ usedBytes: 20 * MB, largeBytes: 0 }, room)).toMatchObject({ refusal: undefined, objects: 524_288, pauseMs: 1311 })
  })

  it('expects fewer objects in a heap of large ones', () => {
    const plan = planSnapshot({ usedBytes: 100 * MB, largeBytes: 95 * MB }, room)
    expect(plan.refusal).toBeUndefined()
    expect(plan.objects).toBe(131_072)
  })

  it('goes by what an earlier one was found to cost', () => {
    const plan = planSnapshot({ usedBytes: 100 * MB, largeBytes: 0 }, room, { bytesPerObject: 200, pauseUsPerObject: 1 })
    expect(plan).toMatchObject({ objects: 524_288, pauseMs: 524, refusal: undefined })
  })
})

describe('the memory a process may still take', () => {
  let dir: string
  beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-room-'))))
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const put = (name: string, text: string): void => {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
    writeFileSync(path.join(dir, name), text)
  }
  const room = (): ReturnType<typeof memoryRoom> =>
    memoryRoom(path.join(dir, 'cgroup'), path.join(dir, 'membership'), path.join(dir, 'meminfo'))

  it('is that of the machine without a limit', () => {
    put('membership', '0::/app\n')
    put('meminfo', 'MemTotal: 8000000 kB\nMemAvailable:    4000 kB\n')
    put('cgroup/app/memory.max', 'max\n')
    put('cgroup/app/memory.current', '1000\n')
    expect(room()).toMatchObject({ bytes: 4000 * 1024, limitedBy: 'machine' })
  })

  it('is that of the tightest group around it (v2), files that can be given up not counted', () => {
    put('membership', '0::/pod/app\n')
    put('meminfo', 'MemAvailable: 9999999 kB\n')
    put('cgroup/pod/app/memory.max', '3000000\n')
    put('cgroup/pod/app/memory.current', '1000000\n')
    put('cgroup/pod/memory.max', '2500000\n')
    put('cgroup/pod/memory.current', '2000000\n')
    put('cgroup/pod/memory.stat', 'anon 1\ninactive_file 300000\nactive_file 5\n')
    expect(room()).toEqual({ bytes: 800_000, limitedBy: 'control group', limitBytes: 2_500_000 })
  })

  it('is that of the memory controller (v1), also where the group is the root of the mount', () => {
    put('membership', '4:memory:/docker/abc\n3:cpuset:/\n0::/\n')
    put('meminfo', 'MemAvailable: 9999999 kB\n')
    put('cgroup/memory/memory.limit_in_bytes', '5000000\n')
    put('cgroup/memory/memory.usage_in_bytes', '4000000\n')
    put('cgroup/memory/memory.stat', 'total_inactive_file 500000\n')
    expect(room()).toEqual({ bytes: 1_500_000, limitedBy: 'control group', limitBytes: 5_000_000 })
  })

  it('has no limit in v1 when the number is out of this world', () => {
    put('membership', '4:memory:/\n')
    put('meminfo', 'MemAvailable: 1000 kB\n')
    put('cgroup/memory/memory.limit_in_bytes', '9223372036854771712\n')
    put('cgroup/memory/memory.usage_in_bytes', '5\n')
    expect(room()).toMatchObject({ bytes: 1000 * 1024, limitedBy: 'machine' })
  })

  it('is known on this machine', () => expect(memoryRoom().bytes).toBeGreaterThan(0))
})
