// Recordings of one service with known latencies, for everything that compares sessions.
import type { Sample } from '../../src/analysis/statistics/compare-samples.ts'
import { STARTED_AT, generateSession } from './generate-session.ts'
import { RecordWriter, type TestSpan, type TestValue } from './record-writer.ts'

const HOUR = 3_600_000

export interface RecordedName extends Omit<Partial<TestSpan>, 'name'> {
  name: string
  /** Durations in milliseconds, one trace each, in the order of time. */
  samples: Sample[]
  /** Share of the calls that fail. */
  failing?: number
  /** Attributes of each call. */
  attributesOf?: (call: number) => Record<string, TestValue>
}

export interface LatencySession {
  dir: string
  service?: string
  /** Numbers the sessions of a folder: one starts an hour after the other. */
  number: number
  names: RecordedName[]
  json?: Record<string, unknown>
  /** Of the process. */
  process?: Record<string, unknown>
  variants?: Record<string, unknown>[]
}

/** Writes a session; gives its name. */
export async function latencySession({ dir, service = 'shop', number, names, json, process, variants }: LatencySession): Promise<string> {
  const startedAt = STARTED_AT + number * HOUR
  const stamp = new Date(startedAt).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  const name = `${service}_${stamp}_${String(number).padStart(4, '0')}`
  const writer = new RecordWriter()
  for (const variant of variants ?? []) writer.fact(1, variant)
  let id = number * 100_000_000 + 1
  for (const { samples, failing = 0, attributesOf, ...span } of names) {
    for (const [i, { value, weight }] of samples.entries()) {
      const startNs = 1e9 + i * 1e7
      const failed = failing > 0 && Math.floor((i + 1) * failing) > Math.floor(i * failing)
      writer.span({
        layer: 'function', spanId: BigInt(id), traceHigh: BigInt(number + 1), traceLow: BigInt(id++), startNs, endNs: startNs + value * 1e6, weight, status: failed ? 2 : 0,
        ...span, ...(attributesOf === undefined ? {} : { attributes: attributesOf(i) }),
      }) // prettier-ignore
    }
  }
  const block = writer.block({ anchor: { monoNs: 0, wallMs: startedAt } })
  await generateSession({
    dir, name, service, json: { startedAt: new Date(startedAt).toISOString(), ...json },
    instances: [{ instance: String(number + 1).padStart(16, '0'), blocks: [block], ...(process === undefined ? {} : { process }) }],
  }) // prettier-ignore
  return name
}
