import { WriterWord } from '../core/layout.ts'

/** Asks all worker threads of the process: for a CPU profile of so many milliseconds, or to switch recording. */
export function askThreads(words: Int32Array, { profileMs, record }: { profileMs?: number; record?: boolean }): void {
  if (profileMs !== undefined) {
    Atomics.store(words, WriterWord.askedProfileMs, profileMs)
    Atomics.add(words, WriterWord.askedProfiles, 1)
  }
  if (record !== undefined) Atomics.store(words, WriterWord.askedRecording, record ? 1 : -1)
  Atomics.add(words, WriterWord.asked, 1)
  Atomics.notify(words, WriterWord.asked)
}
