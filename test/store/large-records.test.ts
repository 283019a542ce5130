// Sessions whose texts do not fit into the memory that DuckDB has: long attributes, kept prompts.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { archiveSession } from '../../src/store/archive/archive-session.ts'
import { syncSession } from '../../src/store/analytics/sync.ts'
import type { Block } from '../../src/store/codec/block.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { generateSession, STARTED_AT } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-large-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** As long as the record of a span may be. */
const ATTRIBUTES = ['a', 'b', 'c', 'd']
const CHARS = 8000
const PER_BLOCK = 12

function* largeBlocks(spans: number, chars = CHARS): Generator<Block> {
  for (let seq = 0; seq * PER_BLOCK < spans; seq++) {
    const writer = new RecordWriter()
    for (let i = seq * PER_BLOCK; i < Math.min(spans, (seq + 1) * PER_BLOCK); i++) {
      const attributes = Object.fromEntries(ATTRIBUTES.map((name) => [name, textOf(`${name}${i} `, chars)]))
      writer.span({ spanId: BigInt(i + 1), traceHigh: BigInt(1 + (i >> 3)), startNs: i * 1e5, endNs: i * 1e5 + 5e4, name: 'q', layer: 'db', attributes })
    } // prettier-ignore
    yield writer.block({ seq, anchor: { monoNs: 0, wallMs: STARTED_AT } })
  }
}

const textOf = (part: string, chars: number): string => part.repeat(Math.ceil(chars / part.length)).slice(0, chars)

async function rows(folder: string, sql: string): Promise<unknown[]> {
  const reader = await openSession(readSession(folder), { sync: false })
  try {
    return await reader.rows(sql)
  } finally {
    reader.close()
  }
}

describe('sync', () => {
  it.each([
    [9000, 0],
    [5000, 2],
  ])(
    'stores more long attributes than DuckDB has memory (%i spans, %i decoding threads)',
    { timeout: 240_000 },
    async (spans, decoders) => {
      const folder = await generateSession({ dir, instances: [{ blocks: largeBlocks(spans) }] })
      expect(await syncSession(readSession(folder), { decoders })).toMatchObject({ spans, problems: [] })
      const counts = 'SELECT count(*) AS n, count(DISTINCT span_id) AS ids, min(length(attributes)) AS least FROM store.spans'
      expect(await rows(folder, counts)).toEqual([{ n: spans, ids: spans, least: ATTRIBUTES.length * (CHARS + 7) + 1 }])
      const some = `SELECT span_key, left(attributes->>'c', 10) AS c FROM spans WHERE span_key IN (1, ${spans}) ORDER BY span_key`
      expect(await rows(folder, some)).toMatchObject([{ c: textOf('c0 ', 10) }, { c: textOf(`c${spans - 1} `, 10) }])
    },
  )

  it('stores more kept contents than DuckDB has memory', { timeout: 240_000 }, async () => {
    const contents = Object.fromEntries(Array.from({ length: 8000 }, (_, i) => [i.toString(16).padStart(32, '0'), textOf(`${i} `, 40_000)]))
    const folder = await generateSession({ dir, instances: [{ blocks: largeBlocks(1), contents }] })
    expect(await syncSession(readSession(folder))).toMatchObject({ problems: [] })
    expect(await rows(folder, `SELECT count(*) AS n, min(length(text)) AS least FROM store.payload_contents`)).toEqual([{ n: 8000, least: 40_000 }])
  }) // prettier-ignore
})

describe('an archive', () => {
  it('takes more long attributes than DuckDB has memory', { timeout: 240_000 }, async () => {
    const spans = 60_000
    const folder = await generateSession({ dir, instances: [{ blocks: largeBlocks(spans, 1000) }] })
    expect(await archiveSession(readSession(folder), { agent: '0.1.0' })).toMatchObject({ outcome: 'archived', kept: [] })
    const counts = 'SELECT count(*) AS n, min(length(attributes)) AS least FROM store.spans'
    expect(await rows(folder, counts)).toEqual([{ n: spans, least: ATTRIBUTES.length * (1000 + 7) + 1 }])
  })
})
