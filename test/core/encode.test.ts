// Attributes in the ring: the same ones again and again, and strings that are new.
import { expect, it } from 'vitest'
import type { Attributes } from '../../src/core/integration.ts'
import { Recorder } from '../../src/core/recorder.ts'
import { Ring } from '../../src/core/ring.ts'
import { sharedAttributes } from '../../src/core/shared-attributes.ts'
import { createRedactor } from '../../src/semantics/redaction.ts'
import { decodeBlock } from '../../src/store/codec/decode-block.ts'
import { RingReader } from '../../src/store/hot/ring-reader.ts'
import { BlockBuilder } from '../../src/writer/block-builder.ts'
import { PayloadStore } from '../../src/writer/payloads.ts'

const statement = {
  'db.system.name': 'postgresql',
  'db.namespace': undefined,
  'server.port': 5432,
  'db.query.text': 'SELECT 1',
  'db.x': 'ü',
}
const stored = { 'db.system.name': 'postgresql', 'server.port': 5432, 'db.query.text': 'SELECT 1', 'db.x': 'ü' }

it('stores shared attributes like others, with what is added at the end, in every thread and after a copy', () => {
  const shared = sharedAttributes({ ...statement })
  for (const recording of [newRecording(), newRecording()]) {
    for (let i = 0; i < 3; i++) recording.record(shared, { 'db.response.returned_rows': i })
    recording.record({ ...shared, 'db.namespace': 'test' })
    recording.record(statement)
    expect(recording.attributes()).toEqual([
      { ...stored, 'db.response.returned_rows': 0 },
      { ...stored, 'db.response.returned_rows': 1 },
      { ...stored, 'db.response.returned_rows': 2 },
      { ...stored, 'db.namespace': 'test' },
      stored,
    ])
    expect(recording.counter('attributes_dropped')).toBe(0)
  }
})

it('counts what does not fit, every time', () => {
  const shared = sharedAttributes(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key.${i}`, i])))
  const recording = newRecording()
  for (let i = 0; i < 2; i++) recording.record(shared)
  expect(recording.attributes().map((attributes) => Object.keys(attributes).length)).toEqual([128, 128])
  expect(recording.counter('attributes_dropped')).toBe(144)
})

function newRecording() {
  const ring = new Ring({ capacity: 1 << 20, slots: 64 }, 0)
  const recorder = new Recorder(ring, { payloadChars: 100, captureFlag: 0, sampleRate: 1 })
  const redactor = createRedactor()
  const builder = new BlockBuilder(new RingReader(ring.memory), redactor, new PayloadStore(() => Buffer.alloc(32), 'off', redactor))
  let block: NonNullable<ReturnType<typeof builder.next>>['block'] | undefined
  const read = () => (block ??= builder.next('none')?.block)
  return {
    record(attributes: Attributes, end?: Attributes) {
      recorder.end(recorder.start('name', 'db', 'test', 'client', attributes, undefined), false, end)
    },
    attributes() {
      const built = read()
      if (built === undefined) throw new Error('nothing was recorded')
      return decodeBlock(built).spans.map((span) => span.attributes)
    },
    counter: (name: string) => read()?.counters[name] ?? 0,
  }
}
