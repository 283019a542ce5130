import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildReport } from '../../src/analysis/report.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { STARTED_AT, generateSession } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

const KEPT_ONE_IN = 4
const SAMPLED = 25

let dir: string
let reader: SessionReader

// 105 calls happened: 100 of which one in four was kept, and 5 kept whole. Each took 2 ms, 1,000 tokens in and 10 out.
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-sampling-'))
  const writer = new RecordWriter()
  for (let i = 0; i < SAMPLED + 5; i++) {
    writer.span({
      spanId: BigInt(i + 1), traceLow: BigInt(i + 1), name: 'chat', layer: 'ai', variant: 'abcd', startNs: i * 1e7, endNs: i * 1e7 + 2e6,
      status: i % 5 === 0 ? 2 : 0, weight: i < SAMPLED ? KEPT_ONE_IN : 1,
      attributes: { 'gen_ai.request.model': { interned: 'm' }, 'gen_ai.usage.input_tokens': 1000, 'gen_ai.usage.output_tokens': 10, 'perf.ai.cost_usd': 0.5 },
    }) // prettier-ignore
  }
  writer.fact(1, { hash: 'abcd', name: 'ask', file: 'src/ask.ts', line: 1 })
  const block = writer.block({ anchor: { monoNs: 0, wallMs: STARTED_AT } })
  reader = await openSession(readSession(await generateSession({ dir, instances: [{ blocks: [block] }] })))
})
afterAll(() => {
  reader.close()
  rmSync(dir, { recursive: true, force: true })
})

it('the report counts what happened, not what was kept', async () => {
  const { ai, layers, totals } = await buildReport(reader)
  const tokens = { input_tokens: 105_000, output_tokens: 1050, cost_usd: 52.5 }
  expect(totals).toMatchObject(tokens)
  expect(ai).toEqual([expect.objectContaining({ model: 'm', calls: 105, errors: 21, ...tokens })])
  expect(layers).toEqual([expect.objectContaining({ layer: 'ai', count: 105, total_ms: 210, errors: 21 })])
})

it('so does the view of variants', async () => {
  expect(await reader.rows('SELECT calls, duration_ms FROM variants')).toEqual([{ calls: 105, duration_ms: 210 }])
})
