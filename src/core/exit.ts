import diagnosticsChannel from 'node:diagnostics_channel'
import { nowNs, wallMs } from './clock.ts'
import { guard } from './guard.ts'
import { Header } from './layout.ts'
import type { Ring } from './ring.ts'
import type { WriterClient } from './writer-client.ts'

// The last moments of a thread: everything that is in the ring reaches the disk, the app's exit stays as it was.
// No signal listeners, no `uncaughtException` listener: both change how an app dies.

export interface ExitOptions {
  ring: Ring
  writer: WriterClient | undefined
  /** Writes the ring's rest to a spill file at once; used when no writer is ready. */
  spill(end: EndMark): void
}

export interface EndMark {
  code: number
  reason: 'exit' | 'uncaught'
  wallMs: number
  monoNs: number
}

/** Main thread: flush at exit and, from then on, after every record. */
export function installExit({ ring, writer, spill }: ExitOptions): void {
  let uncaught = false
  process.on('uncaughtExceptionMonitor', () => {
    uncaught = true
  })
  const flush = (end: EndMark): void => {
    guard('exit', () => {
      if (writer === undefined || !writer.flush(end)) spill(end)
    })
  }
  process.on('exit', (code) => {
    const end: EndMark = { code, reason: uncaught && code !== 0 ? 'uncaught' : 'exit', wallMs: wallMs(), monoNs: nowNs() }
    flush(end)
    // Spans that end in the app's own exit listeners, which run after this one.
    const commit = ring.commit.bind(ring)
    ring.commit = (offset, to) => {
      commit(offset, to)
      flush(end)
    }
  })
  // process.execve (Node 22+) replaces the process without an exit event.
  guard('exit', () => {
    diagnosticsChannel.subscribe('process.execve', () => flush({ code: 0, reason: 'exit', wallMs: wallMs(), monoNs: nowNs() }))
  })
}

/** App's worker threads: the ring outlives them in the writer's hands; only an orphaned ring is spilled. */
export function installWorkerExit(ring: Ring, spill: (end: EndMark) => void): void {
  process.on('exit', (code) => {
    ring.header[Header.ended] = 1
    if (Atomics.load(ring.header, Header.adopted) === 1) return
    guard('exit', () => spill({ code, reason: 'exit', wallMs: wallMs(), monoNs: nowNs() }))
  })
}
