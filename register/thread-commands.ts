import { guard } from '../src/core/guard.ts'
import { WriterWord } from '../src/core/layout.ts'
import { waitAsync } from '../src/core/wait-async.ts'

/** What a worker thread of the app can be asked for. */
export interface ThreadCommands {
  profileFor(ms: number): void
  record(on: boolean): void
  /** Hands this thread's heap to whoever takes snapshot `number`. */
  offerHeap(number: number): void
}

/**
 * Does in this worker thread what the writer asks all of them for, as soon as the thread comes to its event loop. What waits is a promise of V8's: it
 * is no handle, and keeps no thread alive.
 */
export function followCommands(control: SharedArrayBuffer, thread: number, commands: ThreadCommands): void {
  const words = new Int32Array(control)
  let done = Atomics.load(words, WriterWord.asked)
  let profiles = Atomics.load(words, WriterWord.askedProfiles)
  let snapshots = Atomics.load(words, WriterWord.askedSnapshots)
  let isRecording = Atomics.load(words, WriterWord.askedRecording)
  if (isRecording < 0) commands.record(false)
  const follow = (): void => {
    const asked = Atomics.load(words, WriterWord.asked)
    if (asked !== done) {
      done = asked
      const wantedProfiles = Atomics.load(words, WriterWord.askedProfiles)
      if (wantedProfiles !== profiles) commands.profileFor(Atomics.load(words, WriterWord.askedProfileMs))
      profiles = wantedProfiles
      const snapshot = Atomics.load(words, WriterWord.askedSnapshots)
      if (snapshot !== snapshots && Atomics.load(words, WriterWord.askedSnapshotThread) === thread) commands.offerHeap(snapshot)
      snapshots = snapshot
      const wanted = Atomics.load(words, WriterWord.askedRecording)
      if (wanted !== isRecording) commands.record((isRecording = wanted) >= 0)
    }
    const waited = waitAsync(words, WriterWord.asked, done)
    void Promise.resolve(waited.value).then(() => guard('commands', follow))
  }
  follow()
}
