// What one ring gives in one go, at the places where a read of it holds no record.
import { expect, it } from 'vitest'
import { PayloadFlag, RecordType } from '../../src/core/layout.ts'
import { Ring } from '../../src/core/ring.ts'
import { createRedactor } from '../../src/semantics/redaction.ts'
import { RingReader } from '../../src/store/hot/ring-reader.ts'
import { BlockBuilder } from '../../src/writer/block-builder.ts'
import { PayloadStore } from '../../src/writer/payloads.ts'

const LINK_BYTES = 40

it('reads on behind definitions that fill a whole read', () => {
  const { ring, builder } = ringAndBuilder(1 << 20)
  for (let i = 0; i < 1100; i++) ring.intern(`${i} `.padEnd(400, 'x'))
  writeLink(ring)
  expect(recordsOf(builder)).toBe(1)
})

it('reads on behind the padding before the end of the ring', () => {
  const { ring, builder } = ringAndBuilder(1 << 18)
  const most = 32_768
  const untilEnd = () => ring.base + ring.capacity - ring.reserve(LINK_BYTES, true)
  while (untilEnd() >= most) {
    writeLink(ring)
    if (recordsOf(builder) === 0) throw new Error('a link was not read')
  }
  const before = untilEnd()
  ring.reserve(most, true)
  writeLink(ring)
  expect(untilEnd(), 'the ring began anew').toBeGreaterThan(before)
  expect(recordsOf(builder)).toBe(1)
})

it('gives a last block for what was counted since the one before, and no other empty one', () => {
  const { ring, builder } = ringAndBuilder(1 << 18)
  expect(builder.next('all')).toBeUndefined()
  ring.count('spans_dropped', 3)
  expect(builder.next('aged')).toBeUndefined()
  expect(builder.next('all')?.block).toMatchObject({ n: 0, counters: { spans_dropped: 3 } })
  expect(builder.next('all')).toBeUndefined()
})

it('holds no more memory than its data takes twice, whatever of the records is left out', () => {
  const { ring, builder } = ringAndBuilder(1 << 20)
  const text = Buffer.from('x'.repeat(30_000))
  for (let i = 0; i < 10; i++) writePayload(ring, text)
  const data = builder.next('none')?.block.data
  expect(data?.length).toBe(480)
  expect(data?.buffer.byteLength).toBeLessThanOrEqual(960)
})

function ringAndBuilder(capacity: number): { ring: Ring; builder: BlockBuilder } {
  const ring = new Ring({ capacity, slots: 16 }, 0)
  const redactor = createRedactor()
  return {
    ring,
    builder: new BlockBuilder(new RingReader(ring.memory), redactor, new PayloadStore(() => Buffer.alloc(32), 'off', redactor)),
  }
}

function writeLink(ring: Ring): void {
  const at = ring.reserve(LINK_BYTES, true)
  ring.view.setUint32(at + 4, RecordType.link, true)
  ring.commit(at, at + LINK_BYTES)
}

function writePayload(ring: Ring, text: Buffer): void {
  const bytes = (32 + text.length + 7) & ~7
  const at = ring.reserve(bytes, true)
  ring.view.setUint32(at + 4, RecordType.payload, true)
  ring.view.setUint32(at + 24, PayloadFlag.text, true)
  ring.view.setUint32(at + 28, text.length, true)
  new Uint8Array(ring.memory).set(text, at + 32)
  ring.commit(at, at + bytes)
}

/** Reads until the builder says that there is nothing. */
function recordsOf(builder: BlockBuilder): number {
  let records = 0
  for (let next = builder.next('none'); next !== undefined; next = builder.next('none')) {
    records += next.block.n
    next.release()
  }
  return records
}
