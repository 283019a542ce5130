// How the writer's pace follows what the app does: seldom on an idle app, at once when it writes.
import { expect, it, vi } from 'vitest'
import { Header, WriterWord } from '../../src/core/layout.ts'
import { Span } from '../../src/core/span.ts'
import { Ring } from '../../src/core/ring.ts'
import { wakeWriter } from '../../src/core/writer-client.ts'
import { RingReader } from '../../src/store/hot/ring-reader.ts'
import { keepTicking } from '../../src/writer/keep-ticking.ts'

it('dozes on an idle ring, is woken by what is written, and by a ring that was adopted', async () => {
  const control = new SharedArrayBuffer(64)
  const words = new Int32Array(control)
  const ring = new Ring({ capacity: 1 << 18, slots: 8 }, 0)
  ring.onWake = () => wakeWriter(control)
  const reader = new RingReader(ring.memory)
  let found = 0
  const seen: { dozes: number; wake: number }[] = []
  keepTicking({
    tick() {
      const portion = reader.read(1 << 20)
      if (portion === undefined) return
      seen.push({ dozes: ring.header[Header.writerDozes] ?? -1, wake: words[WriterWord.wake] ?? -1 })
      found++
      reader.release(portion)
    },
    found: () => found,
    readers: () => [reader],
    control: words,
  })
  const isDozing = () => vi.waitFor(() => expect(ring.header[Header.writerDozes]).toBe(1), { timeout: 20_000 })
  await isDozing()
  ring.intern('written while it dozes')
  expect(ring.header[Header.writerDozes], 'the writing thread takes the mark away').toBe(0)
  await vi.waitFor(() => expect(seen).toEqual([{ dozes: 0, wake: 1 }]), { timeout: 20_000 })
  ring.intern('written while it is awake')
  expect(words[WriterWord.wake], 'nobody is woken who is awake').toBe(1)
  await vi.waitFor(() => expect(found).toBe(2), { timeout: 20_000 })
  await isDozing()
  expect(words[WriterWord.wake]).toBe(1)
})

it('dozes with records in the ring that no tick takes', async () => {
  const { ring, reader, words } = idleRing()
  ring.intern('a package was loaded; there is no span yet')
  let ticks = 0
  keepTicking({ tick: () => void ticks++, found: () => 0, readers: () => [reader], control: words })
  await vi.waitFor(() => expect(ring.header[Header.writerDozes]).toBe(1), { timeout: 20_000 })
  const before = ticks
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect(ticks - before, 'twice a second').toBeLessThan(5)
})

it('does not doze before a span that has just begun is stored', async () => {
  const { ring, reader, words } = idleRing()
  const span = new Span(1, 2, 0, 0, { a: 1, b: 2, c: 3, d: 4 }, 5, 'late', 'function', 'api', 0, 0, 1, null)
  span.nameId = ring.intern('late')
  let isOpen = false
  let stored = 0
  let dozesAfter: number | undefined
  let startMs = Infinity
  const tick = (): void => {
    reader.scanOpen(() => void stored++)
    if (isOpen || performance.now() - startMs < 1100) return
    // After this tick it would doze.
    isOpen = true
    ring.openSlot(span)
    setImmediate(() => (dozesAfter = ring.header[Header.writerDozes]))
  }
  keepTicking({ tick, found: () => stored, readers: () => [reader], control: words })
  startMs = performance.now()
  await vi.waitFor(() => expect(stored).toBe(1), { timeout: 20_000 })
  expect(dozesAfter).toBe(0)
})

function idleRing(): { ring: Ring; reader: RingReader; words: Int32Array } {
  const control = new SharedArrayBuffer(64)
  const ring = new Ring({ capacity: 1 << 18, slots: 8 }, 0)
  ring.onWake = () => wakeWriter(control)
  return { ring, reader: new RingReader(ring.memory), words: new Int32Array(control) }
}
