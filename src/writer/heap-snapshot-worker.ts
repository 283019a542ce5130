import { chmodSync, createWriteStream, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Transform } from 'node:stream'
import { finished } from 'node:stream/promises'
import { parentPort, workerData } from 'node:worker_threads'
import zlib from 'node:zlib'
import type { SnapshotMessage, SnapshotWork } from '../profiling/heap-snapshot.ts'
import { MainHeap, type AppHeap } from '../profiling/main-heap.ts'
import { memoryRoom } from '../profiling/memory-room.ts'
import { planSnapshot, type SnapshotPlan } from '../profiling/snapshot-plan.ts'
import { ThreadHeap } from '../profiling/thread-heap.ts'
import { TextlessSnapshot } from '../store/heap/textless-snapshot.ts'
import { loadRedactor } from './redaction-rules.ts'

// The thread that takes one heap snapshot of the app and ends: plan, snapshot, texts left out, compressed, written.

const work = workerData as SnapshotWork

void run().catch((error: unknown) => tell({ type: 'failed', why: error instanceof Error ? error.message : String(error) }))

async function run(): Promise<void> {
  const heap = work.thread === 0 ? new MainHeap() : new ThreadHeap(work.control, work.thread)
  try {
    // The app ends: its connection must not hold that up.
    parentPort?.on('message', () => heap.giveUp())
    const plan = planSnapshot(await heap.use(), memoryRoom(), work.experience)
    tell({ type: 'plan', plan })
    if (plan.refusal !== undefined) tell({ type: 'failed', why: plan.refusal })
    else await take(heap, plan)
  } finally {
    heap.close()
    parentPort?.removeAllListeners('message')
  }
}

async function take(heap: AppHeap, plan: SnapshotPlan): Promise<void> {
  const { ending, compressor } = createCompressor()
  const file = path.join(work.folder, `${work.name}.heapsnapshot.${ending}`)
  // A file appears under its name when it is whole.
  const temporary = `${file}.tmp`
  const output = createWriteStream(temporary, { mode: 0o600 })
  const written = finished(compressor.pipe(output))
  written.catch(() => {})
  try {
    const { redactor } = loadRedactor(work.redact, work.root)
    const texts = { keepTexts: work.keepTexts, redactText: (text: string) => redactor.redactText(text) }
    const filter = new TextlessSnapshot(texts, (bytes) => compressor.write(bytes))
    const startedMs = performance.now()
    await heap.snapshot((text) => filter.feed(Buffer.from(text, 'latin1')))
    const pauseMs = performance.now() - startedMs
    // From here an open connection would only hold up the end of the app.
    heap.close()
    filter.finish()
    compressor.end()
    await written
    chmodSync(temporary, 0o600)
    const facts = {
      reason: work.reason,
      ...(work.thread === 0 ? {} : { thread: work.thread }),
      pauseMs: Math.round(pauseMs),
      heapUsedBytes: plan.heapUsedBytes,
      objects: filter.objects,
      texts: work.keepTexts ? 'kept' : 'left out',
    }
    writeFileSync(path.join(work.folder, `${work.name}.json`), `${JSON.stringify({ ...facts, plan })}\n`, { mode: 0o600 })
    renameSync(temporary, file)
    tell({ type: 'taken', snapshot: { taken: true, file, bytes: statSync(file).size, objects: filter.objects, pauseMs, plan } })
  } catch (error) {
    compressor.destroy()
    output.destroy()
    rmSync(temporary, { force: true })
    throw error
  }
}

/** The fastest this Node has. */
function createCompressor(): { ending: string; compressor: Transform } {
  const { createZstdCompress, constants } = zlib as unknown as {
    createZstdCompress?: (options: object) => Transform
    constants: Record<string, number>
  }
  if (createZstdCompress !== undefined)
    return { ending: 'zst', compressor: createZstdCompress({ params: { [constants['ZSTD_c_compressionLevel'] ?? 100]: 1 } }) }
  return { ending: 'gz', compressor: zlib.createGzip({ level: 1 }) }
}

function tell(message: SnapshotMessage): void {
  parentPort?.postMessage(message)
}
