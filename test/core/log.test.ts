// Lines of logs: which span they belong to, what a second holds, and what happens when the definition fails.
import { describe, expect, it } from 'vitest'
import { runWith } from '../../src/core/context.ts'
import { log, type Log, type LogLine } from '../../src/core/integration.ts'
import { COUNTERS, Header, RecordType } from '../../src/core/layout.ts'
import { wrapLog } from '../../src/core/log.ts'
import { Recorder } from '../../src/core/recorder.ts'
import { Ring } from '../../src/core/ring.ts'
import type { Span } from '../../src/core/span.ts'
import type { Runtime } from '../../src/core/runtime.ts'

interface Call {
  self: unknown
  args: [text: string, fields?: object]
  result: string
}

function logger(settings: { logLimit?: number; stampsLogs?: boolean; capacity?: number } = {}) {
  const ring = new Ring({ capacity: settings.capacity ?? 1 << 20, slots: 64 }, 0)
  const recorder = new Recorder(ring, { payloadChars: 100, captureFlag: 0, sampleRate: 1, logLimit: settings.logLimit ?? 1000 })
  const runtime = { recorder, recording: true, fault: '', stampsLogs: settings.stampsLogs === true } as unknown as Runtime
  const wrap = (fn: (text: string, fields?: object) => string, definition: Omit<Log<Call>, 'type' | 'path' | 'versions'>) =>
    wrapLog(
      fn as never,
      log<Call>({ path: 'fn', versions: '*', ...definition }),
      'test',
      { name: 'test', version: '1.0.0' },
      runtime,
    ) as typeof fn
  const count = (name: (typeof COUNTERS)[number]) => ring.header[Header.counters + COUNTERS.indexOf(name)]
  return { ring, recorder, runtime, wrap, count }
}

/** What stands in the ring: message and span of every line. */
function lines({ view, base, bytes, header }: Ring): { message: string; span: number }[] {
  const found: { message: string; span: number }[] = []
  for (let at = base; at < base + (header[Header.writePosition] ?? 0); at += view.getUint32(at, true)) {
    if (bytes[at + 4] !== RecordType.log) continue
    found.push({ message: bytes.utf8Slice(at + 48, at + 48 + view.getUint32(at + 40, true)), span: view.getInt32(at + 8, true) })
  }
  return found
}

const line = ({ args: [message, fields] }: { args: Call['args'] }): LogLine => ({ level: 'info', message, fields })
const within = <T>(span: Span, fn: () => T): T => runWith(span, fn as never, undefined, [])

describe('a function of a logger', () => {
  it('gives what it gives; its line belongs to the span it was written in, or to none', () => {
    const { ring, recorder, wrap } = logger()
    const write = wrap((text) => `written ${text}`, { line })
    const span = recorder.start('work', 'function', 'test', undefined, undefined, undefined)
    expect([write('outside'), within(span, () => write('inside', { a: 1 }))]).toEqual(['written outside', 'written inside'])
    expect(lines(ring)).toEqual([
      { message: 'outside', span: 0 },
      { message: 'inside', span: span.idLow },
    ])
  })

  it('leaves no line where it throws, where the definition gives none, and of what it passes on to another logger', () => {
    const { ring, wrap } = logger()
    const inner = wrap((text) => text, { line })
    const outer = wrap((text) => inner(`inner ${text}`), { line: (call) => (call.args[0] === 'filtered' ? undefined : line(call)) })
    const failing = wrap(() => { throw new RangeError('no') }, { line }) // prettier-ignore
    outer('one')
    outer('filtered')
    expect(() => failing('never')).toThrow(RangeError)
    inner('two')
    expect(lines(ring).map(({ message }) => message)).toEqual(['one', 'two'])
  })

  it('does not notice that its definition throws', () => {
    const { ring, wrap } = logger({ stampsLogs: true })
    const write = wrap((text) => text, {
      line: () => { throw new Error('line') },
      stamp: () => { throw new Error('stamp') },
    }) // prettier-ignore
    expect(write('x')).toBe('x')
    expect(lines(ring)).toEqual([])
  })

  it('gets the ids of its span where they are asked for, and only inside of one', () => {
    const given: unknown[] = []
    const { recorder, wrap } = logger({ stampsLogs: true })
    const write = wrap((text, fields) => (given.push(fields), text), { stamp: (call, ids) => void (call.args[1] = ids) })
    const span = recorder.start('work', 'function', 'test', undefined, undefined, undefined)
    write('outside')
    within(span, () => write('inside'))
    expect(given).toEqual([
      undefined,
      {
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        span_id: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
        trace_flags: '01',
      },
    ])
  })

  it('keeps as many lines a second as are asked for and counts the others, one by one', () => {
    const { ring, wrap, count } = logger({ logLimit: 10 })
    const write = wrap((text) => text, { line })
    for (let i = 0; i < 35; i++) write(`line ${i}`)
    expect([lines(ring).length, count('logs_limited'), count('logs_dropped')]).toEqual([10, 25, 0])
  })

  it('takes no more than half of the ring', () => {
    const { ring, wrap, count } = logger({ capacity: 1 << 19 })
    const write = wrap((text) => text, { line })
    for (let i = 0; i < 100; i++) write('x'.repeat(8000))
    const kept = lines(ring).length
    expect(kept + (count('logs_dropped') ?? 0)).toBe(100)
    expect(ring.header[Header.writePosition]).toBeLessThan((1 << 18) + 9000)
  })
})
