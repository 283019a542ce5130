import type { Runtime } from '../src/core/runtime.ts'
import type { WriterClient } from '../src/core/writer-client.ts'

/** What the writer thread can call in the main thread through the inspector, also while that is blocked. */
export function remoteControl(runtime: Runtime, heapLimit: () => number): { record(on: boolean): string; heapLimit(): number } {
  return {
    heapLimit,
    record(on) {
      runtime.recording = on
      return ''
    },
  }
}

/** Listens to the signals that triggers name, and to no other: a listener changes what a signal does. */
export function passSignalsOn(writer: WriterClient): void {
  writer.onMessage('signals', ({ names }) => {
    for (const name of new Set(names as NodeJS.Signals[])) process.on(name, () => writer.post({ type: 'signal', reason: name }))
  })
}
