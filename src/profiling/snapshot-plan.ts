import type { MemoryRoom } from './memory-room.ts'

/** Used bytes of the app's heap, by kind of space. */
export interface HeapUse {
  usedBytes: number
  /** In spaces for single large objects: arrays and texts of more than 128 KB. */
  largeBytes: number
}

/** Used bytes by the sizes of the heap's spaces. */
export function heapUseOf(spaces: readonly (readonly [name: string, usedBytes: number])[]): HeapUse {
  const sum = (chosen: typeof spaces): number => chosen.reduce((total, [, bytes]) => total + bytes, 0)
  return { usedBytes: sum(spaces), largeBytes: sum(spaces.filter(([name]) => name.includes('large_object'))) }
}

/** What taking a heap snapshot is expected to cost. */
export interface SnapshotPlan {
  heapUsedBytes: number
  /** Objects in the heap, estimated from its size. */
  objects: number
  /** The app stands still so long, in ms. */
  pauseMs: number
  /** Memory it takes beside the heap, in bytes. */
  neededBytes: number
  availableBytes: number
  limitedBy: MemoryRoom['limitedBy']
  limitBytes: number
  /** Why it is not taken; undefined when it can be. */
  refusal: string | undefined
}

/** What an earlier snapshot of the same process was found to cost. */
export interface SnapshotExperience {
  bytesPerObject: number
  pauseUsPerObject: number
}

// Heaps of small linked objects, Node 20 to 26, linux-x64: 40 to 44 bytes of heap an object, 1.2 to 2.8 µs of pause and 270 to 420 bytes of
// memory an object. Heaps of large objects have fewer: the estimate is an upper one.
const EXPECTED: SnapshotExperience = { bytesPerObject: 40, pauseUsPerObject: 2.5 }
const NEEDED_BYTES_PER_OBJECT = 420
const NEEDED_BYTES_PER_LARGE_BYTE = 3
const NEEDED_BYTES_AT_LEAST = 32 << 20
/** What is left free for the app meanwhile. */
const SPARE = 1.15

/** Weighs the cost of a snapshot against the memory there is. */
export function planSnapshot(heap: HeapUse, room: MemoryRoom, experience: SnapshotExperience = EXPECTED): SnapshotPlan {
  const smallBytes = Math.max(0, heap.usedBytes - heap.largeBytes)
  const objects = Math.round(smallBytes / experience.bytesPerObject)
  const neededBytes = NEEDED_BYTES_AT_LEAST + objects * NEEDED_BYTES_PER_OBJECT + heap.largeBytes * NEEDED_BYTES_PER_LARGE_BYTE
  const plan = {
    heapUsedBytes: heap.usedBytes,
    objects,
    pauseMs: Math.round((objects * experience.pauseUsPerObject) / 1000),
    neededBytes,
    availableBytes: room.bytes,
    limitedBy: room.limitedBy,
    limitBytes: room.limitBytes,
  }
  return { ...plan, refusal: neededBytes * SPARE <= room.bytes ? undefined : refusalOf(plan) }
}

function refusalOf({ heapUsedBytes, objects, neededBytes, availableBytes, limitedBy, limitBytes }: Omit<SnapshotPlan, 'refusal'>): string {
  const limit =
    limitedBy === 'machine' ? `the machine has ${megabytes(limitBytes)}` : `the control group is limited to ${megabytes(limitBytes)}`
  const spare = neededBytes > availableBytes ? '' : `, with a reserve of ${Math.round((SPARE - 1) * 100)} % for the app`
  return `a heap of ${megabytes(heapUsedBytes)} (up to ${objects.toLocaleString('en-US')} objects) needs about ${megabytes(neededBytes)} more memory for a snapshot${spare}, and ${megabytes(availableBytes)} are free (${limit})`
}

/** Binary megabytes or gigabytes. */
export function megabytes(bytes: number): string {
  return bytes < 1 << 30 ? `${Math.round(bytes / (1 << 20))} MB` : `${(bytes / (1 << 30)).toFixed(1)} GB`
}
