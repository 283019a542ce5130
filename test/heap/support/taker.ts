// A worker thread that takes heap snapshots of the main thread on request, as the writer thread does.
import { parentPort, workerData } from 'node:worker_threads'
import { HeapSnapshots, type HeapSnapshotOptions } from '../../../src/profiling/heap-snapshot.ts'

const port = parentPort
const snapshots = new HeapSnapshots({
  ...(workerData as HeapSnapshotOptions),
  prepare: () => {},
  log: (level, message) => port?.postMessage({ level, message }),
})
port?.on('message', (reason: string) => {
  void snapshots.take(reason, (plan) => port.postMessage({ plan })).then((outcome) => port.postMessage({ outcome }))
})
