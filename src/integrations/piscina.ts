import { binding, defineIntegration } from '../core/integration.ts'

// A task waits until a thread is free, and is then posted from whatever has just ended. It is an AsyncResource of its caller: what posts it runs
// in that context, so the thread's work is below the span that asked for it.
export default defineIntegration({
  name: 'piscina',
  module: 'piscina',
  kind: 'function',
  records: {
    spans: ['no spans: what a task does is below the span that ran it'],
    attributes: [],
    against: 'pools of the test',
  },
  targets: [binding({ file: 'dist/worker_pool/index', path: 'WorkerInfo.prototype.postTask', versions: '>=4.9.0 <6', resource: 0 })],
})
