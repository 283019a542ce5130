import { cpSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeBlock } from '../../src/store/codec/decode-block.ts'
import { checkDataFile } from '../../src/store/hot/check.ts'
import { isDecompressible } from '../../src/store/hot/lz4-check.ts'
import { openHot } from '../../src/store/hot/read.ts'
import { generateSession, seeded, serviceBlocks } from '../support/generate-session.ts'

let dir: string
let environment: string
let whole: Buffer
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-damage-'))
  const folder = await generateSession({ dir, instances: [{ blocks: serviceBlocks(600, { spansPerBlock: 100 }) }] })
  environment = path.join(folder, 'hot', `${'1'.padStart(16, '0')}.lmdb`)
  whole = readFileSync(path.join(environment, 'data.mdb'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Reads everything of a copy of the environment with this data file. */
async function read(name: string, data: Buffer): Promise<{ spans: number; refused: boolean; damaged: number }> {
  const copy = path.join(dir, `${name}.lmdb`)
  cpSync(environment, copy, { recursive: true })
  writeFileSync(path.join(copy, 'data.mdb'), data)
  utimesSync(path.join(copy, 'data.mdb'), 1, 1)
  const result = openHot(copy)
  if (result.state === 'damaged') return { spans: 0, refused: true, damaged: 0 }
  let spans = 0
  let damaged = 0
  for (const thread of result.hot.threads()) {
    for (const block of result.hot.blocks(thread)) {
      const decoded = decodeBlock(block)
      spans += decoded.spans.length
      damaged += decoded.damagedRecords
    }
  }
  damaged += result.hot.damagedBlocks
  await result.hot.close()
  return { spans, refused: false, damaged }
}

describe('a damaged LMDB file', () => {
  it('is sound when nothing happened to it', async () => {
    expect(checkDataFile(path.join(environment, 'data.mdb'), true)).toEqual({ problem: undefined, damagedKeys: new Set() })
    expect(await read('whole', whole)).toEqual({ spans: 4800, refused: false, damaged: 0 })
  })

  it('is refused wherever it ends', async () => {
    for (const share of [0, 0.05, 0.3, 0.6, 0.99])
      expect(await read(`cut-${share}`, whole.subarray(0, Math.floor(whole.length * share)))).toMatchObject({ refused: true })
  })

  it('never ends the process, whatever bits are flipped; what can be read is read', async () => {
    const random = seeded(11)
    let losses = 0
    for (let i = 0; i < 60; i++) {
      const data = Buffer.from(whole)
      const at = Math.floor(random() * (i % 2 === 0 ? data.length : 40_000))
      data[at] = (data[at] ?? 0) ^ (1 << Math.floor(random() * 8))
      const result = await read(`flip-${i}`, data)
      expect(result.refused || result.spans >= 4600).toBe(true)
      if (result.refused || result.damaged > 0) losses++
    }
    expect(losses).toBeGreaterThan(0)
  })

  it('loses only the blocks whose value cannot be decompressed', async () => {
    const data = Buffer.from(whole)
    const pages = Array.from({ length: data.length / 4096 }, (_, page) => page * 4096)
    const overflow = pages.find((page) => data.readUInt16LE(page + 18) === 4) ?? 0
    data.fill(0xff, overflow + 600, overflow + 800)
    expect(await read('values', data)).toMatchObject({ refused: false, spans: 4696, damaged: 1 })
  })
})

describe('isDecompressible', () => {
  const block = (length: number, ...sequences: number[]): Buffer => Buffer.from([254, 0, length >> 8, length & 255, ...sequences])
  it.each([
    [true, 'literals only', block(3, 0x30, 97, 98, 99)],
    [true, 'no compression', Buffer.from([0xd4, 0x72])],
    [true, 'literals, a match and the last literals', block(1 + 15 + 5, 0x1b, 97, 1, 0, 0x50, 1, 2, 3, 4, 5)],
    [false, 'a length that does not fit', block(4, 0x30, 97, 98, 99)],
    [false, 'a match from before the dictionary', block(1 + 15 + 5, 0x1b, 97, 0xff, 0xff, 0x50, 1, 2, 3, 4, 5)],
    [false, 'a distance of nothing', block(1 + 15 + 5, 0x1b, 97, 0, 0, 0x50, 1, 2, 3, 4, 5)],
    [false, 'an end in the middle', block(21, 0x1b, 97, 1)],
  ])('is %s for %s', (expected, _, value) => expect(isDecompressible(value)).toBe(expected))
})
