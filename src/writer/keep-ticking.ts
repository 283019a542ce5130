import { Header, WriterWord } from '../core/layout.ts'
import { waitAsync } from '../core/wait-async.ts'
import type { RingReader } from '../store/hot/ring-reader.ts'

const TICK_MS = 20
/** After a tick that found nothing: half the wake-ups, and a kill right after the next span still loses no more than 50 ms. */
const IDLE_TICK_MS = 40
/** How long nothing must have happened before the writer dozes. */
const IDLE_MS = 1000
/** How often it looks then: who writes wakes it, this is for what else is due. */
const DOZE_TICK_MS = 500

interface Ticking {
  tick(): void
  /** A figure that grows with everything a tick finds. */
  found(): number
  readers(): RingReader[]
  control: Int32Array
}

/**
 * Calls `tick` for as long as the thread lives: every 20 ms while it finds something, every 40 ms for a second after, then twice a second or as
 * soon as a recorded thread writes. An idle app costs 0.24 instead of 0.63 % of a core then (Node 24).
 */
export function keepTicking({ tick, found, readers, control }: Ticking): void {
  let lastFoundMs = performance.now()
  const next = (): void => {
    const before = found()
    const written = positions()
    tick()
    const nowMs = performance.now()
    if (found() !== before) {
      lastFoundMs = nowMs
      setTimeout(next, TICK_MS)
    } else if (nowMs - lastFoundMs < IDLE_MS || hasBegun()) setTimeout(next, IDLE_TICK_MS)
    else doze(written)
  }
  /** How far each ring is written. */
  const positions = (): string =>
    readers()
      .map(({ header }) => Atomics.load(header, Header.writePosition))
      .join()
  /** A span has begun that the next tick will store. */
  const hasBegun = (): boolean => readers().some((reader) => reader.hasUnreported())
  const wakeUp = (): void => {
    for (const { header } of readers()) Atomics.store(header, Header.writerDozes, 0)
    next()
  }
  const doze = (written: string): void => {
    const word = Atomics.load(control, WriterWord.wake)
    for (const { header } of readers()) Atomics.store(header, Header.writerDozes, 1)
    // Written or begun between the tick and this moment: nobody will say so. What the tick has left in a ring waits for the first span.
    if (positions() !== written || hasBegun()) return void setTimeout(wakeUp, 1)
    const { async: isAsync, value } = waitAsync(control, WriterWord.wake, word, DOZE_TICK_MS)
    // `waitAsync` alone would let this thread end.
    const alive = setTimeout(() => undefined, DOZE_TICK_MS * 2)
    void Promise.resolve(isAsync ? value : 'not-equal').then((how) => {
      clearTimeout(alive)
      if (how !== 'timed-out') lastFoundMs = performance.now()
      wakeUp()
    })
  }
  next()
}
