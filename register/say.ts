import { WriterWord } from '../src/core/layout.ts'

/** One line on stderr in the life of the process, whichever thread has something to say first; none with `PERF_LOG=silent`. */
export function sayOnce(control: SharedArrayBuffer, log: string, text: string): void {
  if (log === 'silent' || Atomics.exchange(new Int32Array(control), WriterWord.warned, 1) === 1) return
  try {
    process._rawDebug(`[perf-agent] ${text.replaceAll(/\s*\n\s*/g, ' ')}`)
  } catch {
    // a closed stderr is the app's business
  }
}
