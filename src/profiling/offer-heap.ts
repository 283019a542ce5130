import inspector from 'node:inspector'
import { getHeapSpaceStatistics } from 'node:v8'
import { BroadcastChannel } from 'node:worker_threads'
import type { guard as Guard } from '../core/guard.ts'
import { heapUseOf } from './snapshot-plan.ts'
import { heapChannel, type ThreadHeapAnswer } from './thread-heap.ts'

// A worker thread's side of a heap snapshot of it: it says how large its heap is, and hands the snapshot over when it is told to take it. A
// bundle of its own, loaded only where one is asked for.

interface Chunk {
  params: { chunk: string }
}

/** Offers the heap of this thread to the thread that takes snapshot `number`. Keeps the thread alive only while the snapshot is taken. */
export function offerHeap(number: number, guard: typeof Guard): void {
  const channel = new BroadcastChannel(heapChannel(number))
  const tell = (answer: ThreadHeapAnswer): void => channel.postMessage(answer)
  channel.unref()
  channel.onmessage = ({ data }: { data?: unknown }) =>
    guard('heap', () => {
      if (data !== 'take') {
        channel.close()
        return
      }
      channel.ref()
      take(tell, guard, () => channel.close())
    })
  tell({ type: 'use', use: heapUseOf(getHeapSpaceStatistics().map((space) => [space.space_name, space.space_used_size])) })
}

function take(tell: (answer: ThreadHeapAnswer) => void, guard: typeof Guard, close: () => void): void {
  try {
    // The permission model denies it; trying may abort the process.
    if ((process as { permission?: unknown }).permission !== undefined) throw new Error('the permission model denies the inspector')
    const session = new inspector.Session()
    session.connect()
    session.on('HeapProfiler.addHeapSnapshotChunk', ({ params }: Chunk) => guard('heap', () => tell({ type: 'chunk', text: params.chunk })))
    // No progress: it would be told by JavaScript that runs while V8 walks the heap, which ends in a crash (Node 20 and 24).
    session.post('HeapProfiler.takeHeapSnapshot', { reportProgress: false }, (error) =>
      guard('heap', () => {
        tell(error === null ? { type: 'done' } : { type: 'failed', why: error.message })
        session.disconnect()
        close()
      }),
    )
  } catch (error) {
    tell({ type: 'failed', why: error instanceof Error ? error.message : String(error) })
    close()
  }
}
