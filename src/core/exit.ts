import diagnosticsChannel from 'node:diagnostics_channel'
import { nowNs, wallMs } from './clock.ts'
import { guard } from './guard.ts'
import { Header, RecordType, WriterState } from './layout.ts'
import type { Ring } from './ring.ts'
import { abandonStreams } from './settle/stream-meter.ts'
import type { WriterClient } from './writer-client.ts'

// The last moments of a thread: everything that is in the ring reaches the disk, the app's exit stays as it was.
// No signal listeners, no `uncaughtException` listener: both change how an app dies.

/** Longest the app's exit listeners wait for the writer in total, ms; from then on their own thread writes what they record. */
const MAX_LATE_MS = 1000

export interface ExitOptions {
  ring: Ring
  writer: WriterClient | undefined
  /** Runs before a flush: whatever else has to be handed to the writer. */
  beforeFlush?(): void
  /** Writes what is in the ring to a spill file at once; used when the writer does not have the ring, or is dead. */
  spill(end: EndMark): void
}

export interface EndMark {
  code: number
  reason: 'exit' | 'uncaught'
  wallMs: number
  monoNs: number
}

/** Main thread: flush at exit and, from then on, after every record. */
export function installExit({ ring, writer, beforeFlush, spill }: ExitOptions): void {
  let uncaught = false
  let last: EndMark | undefined
  const flush = (end: EndMark): void => {
    last = end
    if (beforeFlush !== undefined) guard('exit', beforeFlush)
    guard('exit', () => {
      const isOwn = ring.takeOver()
      if (isOwn || writer === undefined) spill(end)
      // Rings of worker threads, when the main one is not the writer's.
      if (writer === undefined || (isOwn && writer.state() !== WriterState.ready)) return
      if (!writer.flush(end) && !isOwn) spill(end)
    })
    guard('exit', () => writer?.close())
  }
  const mark = (code: number): EndMark => ({
    code,
    reason: uncaught && code !== 0 ? 'uncaught' : 'exit',
    wallMs: wallMs(),
    monoNs: nowNs(),
  })
  process.on('uncaughtExceptionMonitor', () => {
    uncaught = true
    // Thrown by an exit listener: there is no second exit event.
    if (last !== undefined && isFatal()) flush(mark(exitCode() ?? 1))
  })
  process.on('exit', (code) => {
    guard('exit', abandonStreams)
    // Node 20 says 0 here when the main module awaits what never comes, and 13 there.
    flush(mark(exitCode() ?? code))
    afterEveryRecord(ring, (spentMs) => {
      if (last === undefined) return
      // The writer is kept from the ring since the last flush.
      if (spentMs > MAX_LATE_MS) spill(last)
      else flush(last)
    })
  })
  onReallyExit((code) => {
    if (last?.code !== code || ring.hasUnread()) flush(mark(code))
  })
  // process.execve (Node 22+) replaces the process without an exit event.
  guard('exit', () => {
    diagnosticsChannel.subscribe('process.execve', () => flush(mark(0)))
  })
}

/** App's worker threads: the ring outlives them in the writer's hands; one that the writer does not have is spilled. */
export function installWorkerExit(ring: Ring, beforeFlush: () => void, spill: () => void): void {
  const flush = (): void => {
    if (ring.takeOver()) guard('exit', spill)
  }
  process.on('exit', () => {
    guard('exit', abandonStreams)
    guard('exit', beforeFlush)
    Atomics.store(ring.header, Header.ended, 1)
    flush()
    afterEveryRecord(ring, flush)
  })
}

/** Spans that end in the app's own exit listeners, which run after this one. There is no event after the last of them. */
function afterEveryRecord(ring: Ring, store: (spentMs: number) => void): void {
  const commit = ring.commit.bind(ring)
  let spentMs = 0
  ring.commit = (offset, to) => {
    commit(offset, to)
    if (ring.view.getUint8(offset + 4) === RecordType.string) return
    const before = nowNs()
    guard('exit', () => store(spentMs))
    spentMs += (nowNs() - before) / 1e6
  }
}

/** `process.exit` ends in `process.reallyExit`, looked up on `process`; some programs call it themselves, past the exit event. */
function onReallyExit(before: (code: number) => void): void {
  const { reallyExit } = process as unknown as { reallyExit?: (code?: unknown) => void }
  if (typeof reallyExit !== 'function') return
  const patched = {
    reallyExit(this: unknown, ...args: unknown[]): unknown {
      guard('exit', () => before(typeof args[0] === 'number' ? args[0] : 0))
      return Reflect.apply(reallyExit, this, args)
    },
  }
  Object.defineProperty(process, 'reallyExit', { value: patched.reallyExit, writable: true, enumerable: true, configurable: true })
}

function exitCode(): number | undefined {
  return typeof process.exitCode === 'number' ? process.exitCode : undefined
}

function isFatal(): boolean {
  return process.listenerCount('uncaughtException') === 0 && !process.hasUncaughtExceptionCaptureCallback()
}
