import path from 'node:path'
import type { HeapProfileMessage } from '../core/heap-profile-format.ts'
import type { CpuProfileMessage } from '../profiling/cpu.ts'
import { HeapProfileFiles } from '../profiling/heap-profile-files.ts'
import { writeHeapProfile, writeProfile } from '../profiling/profile-files.ts'
import { wallAnchor } from './anchor.ts'
import type { ProcessInfo } from './session-folder.ts'
import type { Storage } from './storage.ts'

/** Writes profiles of the app's threads into the session's folder. */
export class ProfileStore {
  /** CPU profiles of the main thread that were written. */
  ofMain = 0
  /** Those of worker threads. */
  ofThreads = 0
  readonly #process: ProcessInfo
  readonly #storage: Storage
  #heap: HeapProfileFiles | undefined

  constructor(process: ProcessInfo, storage: Storage) {
    this.#process = process
    this.#storage = storage
  }

  storeCpu(message: CpuProfileMessage): void {
    const { sessionDir, instance } = this.#process
    this.#storage.attempt(() => {
      this.#storage.open()
      writeProfile(path.join(sessionDir, 'profiles'), instance, message, wallAnchor())
      if (message.thread === 0) this.ofMain++
      else this.ofThreads++
    })
  }

  /** The latest allocation profile of a thread (`PERF_HEAP=sampling`), in the place of the one before. */
  storeHeap({ profile }: HeapProfileMessage): void {
    this.#storage.attempt(() => {
      this.#storage.open()
      this.#heap ??= new HeapProfileFiles(this.#process.sessionDir, this.#process.instance)
      this.#heap.add(profile)
    })
  }

  /** One allocation profile as a file of its own; gives the file's name. Throws when it cannot be written. */
  storeHeapFile(profile: object): string {
    return writeHeapProfile(path.join(this.#process.sessionDir, 'heap'), this.#process.instance, profile)
  }
}
