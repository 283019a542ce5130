import { workerData } from 'node:worker_threads'
import { WriterWord } from '../core/layout.ts'

// Imported before anything that loads a native addon. lmdb's aborts the whole process when its thread is stopped while it registers
// (node-addon-api: `FATAL ERROR: Error::ThrowAsJavaScriptException`), so an exit waits for that, and once it has begun nothing is loaded.

const control = new Int32Array((workerData as { control: SharedArrayBuffer }).control)

/** Tells the app thread that no addon is being loaded (any more). */
export function endNativeLoad(): void {
  Atomics.store(control, WriterWord.loading, 0)
  Atomics.notify(control, WriterWord.loading)
}

Atomics.store(control, WriterWord.loading, 1)
process.once('exit', endNativeLoad)
if (Atomics.load(control, WriterWord.exiting) === 1) process.exit(0)
