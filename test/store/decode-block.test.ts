import { describe, expect, it } from 'vitest'
import { decodeBlock } from '../../src/store/codec/decode-block.ts'
import { RecordWriter } from '../support/record-writer.ts'

const span = { spanId: 0xfedcba9876543210n, parentId: 7n, traceHigh: 1n, traceLow: 2n, startNs: 1000, endNs: 5000, name: 'GET /users/:id' }

describe('decodeBlock', () => {
  it('reads every field of a span', () => {
    const writer = new RecordWriter().span({
      ...span, layer: 'http', integration: 'node:http', variant: 'abcd', flags: 2, kind: 1, status: 2, weight: 4,
      attributes: {
        'http.route': { interned: '/users/:id' }, 'http.response.status_code': 200, ratio: 0.25, yes: true, no: false,
        'url.path': '/users/"ü"\n', list: ['a', 1], negative: -5, large: 1e12,
      },
    }) // prettier-ignore
    const { spans, unknownRecords, unknownAttributes, damagedRecords } = decodeBlock(writer.block())
    expect({ unknownRecords, unknownAttributes, damagedRecords }).toEqual({ unknownRecords: 0, unknownAttributes: 0, damagedRecords: 0 })
    expect(spans).toEqual([
      {
        ...span, layer: 'http', integration: 'node:http', variant: 'abcd', flags: 2, kind: 1, status: 2, weight: 4,
        attributes: {
          'http.route': '/users/:id', 'http.response.status_code': 200, ratio: 0.25, yes: true, no: false,
          'url.path': '/users/"ü"\n', list: ['a', 1], negative: -5, large: 1e12,
        },
      },
    ]) // prettier-ignore
  })

  it('reads open spans, events, links, facts and payloads', () => {
    const parts = [{ hash: '0102030405060708', size: 12 }]
    const hash = '00112233445566778899aabbccddeeff'
    const decoded = decodeBlock(
      new RecordWriter()
        .open(span)
        .event({ spanId: 9n, timeNs: 3, name: 'exception', attributes: { 'exception.type': 'TypeError' } })
        .link({ spanId: 9n, traceHigh: 1n, traceLow: 2n, linkedSpanId: 3n })
        .fact(2, { name: 'pg', version: '8.11.0' })
        .payload({ spanId: 9n, role: 'tool.arguments', size: 12, flags: 2, hash, parts })
        .block(),
    )
    expect(decoded.open[0]).toMatchObject({ spanId: span.spanId, endNs: 0, attributes: {} })
    expect(decoded.events).toEqual([{ spanId: 9n, timeNs: 3, name: 'exception', attributes: { 'exception.type': 'TypeError' } }])
    expect(decoded.links).toEqual([{ spanId: 9n, traceHigh: 1n, traceLow: 2n, linkedSpanId: 3n }])
    expect(decoded.facts).toEqual([{ kind: 2, value: { name: 'pg', version: '8.11.0' } }])
    expect(decoded.payloads).toEqual([{ spanId: 9n, role: 'tool.arguments', size: 12, flags: 2, hash, parts }])
  })

  it('says which values were cut', () => {
    const { spans } = decodeBlock(new RecordWriter().span({ ...span, attributes: { a: { cut: 'SELECT' }, b: 1 } }).block())
    expect(spans[0]?.attributes).toEqual({ a: 'SELECT', b: 1, 'perf.truncated': ['a'] })
  })

  it('skips and counts records of a newer version and reads on behind them', () => {
    const decoded = decodeBlock(new RecordWriter().raw(42, Buffer.from('whatever')).span(span).block({ v: 2 }))
    expect(decoded).toMatchObject({ unknownRecords: 1, newer: true, damagedRecords: 0 })
    expect(decoded.spans).toHaveLength(1)
  })

  it('ends the attributes of a record at a type it does not know', () => {
    const writer = new RecordWriter().span({ ...span, attributes: { a: 1, b: true, c: 2 } })
    const block = writer.block()
    block.data[80 + 7 + 2] = 99
    const decoded = decodeBlock(block)
    expect(decoded.spans[0]?.attributes).toEqual({ a: 1 })
    expect(decoded.unknownAttributes).toBe(1)
  })

  it('never throws on damage, whatever bit is flipped or wherever the data ends', () => {
    const whole = new RecordWriter()
      .span({ ...span, attributes: { a: 'text', b: [1], c: 0.5 } })
      .event({ spanId: 9n, timeNs: 3, name: 'e', attributes: { x: 'y' } })
      .payload({ spanId: 9n, role: 'r', size: 1, hash: '00'.repeat(16), parts: [{ hash: '00'.repeat(8), size: 1 }] })
      .fact(1, { a: 1 })
      .block()
    for (let bit = 0; bit < whole.data.length * 8; bit++) {
      const data = Buffer.from(whole.data)
      data[bit >> 3] = (data[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => decodeBlock({ ...whole, data })).not.toThrow()
    }
    for (let length = 0; length < whole.data.length; length++) {
      expect(() => decodeBlock({ ...whole, data: whole.data.subarray(0, length) })).not.toThrow()
    }
  })
})
