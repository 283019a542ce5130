// Other processes open the environment of a running app (a report beside it): nothing of what its writer commits may get lost by that.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkDataFile } from '../../src/store/hot/check.ts'
import { openHot } from '../../src/store/hot/read.ts'
import { HotStore } from '../../src/store/hot/write.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-open-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const COMMITS = 2000

it('keeps every commit while others open and close it', { timeout: 240_000 }, async () => {
  const store = new HotStore(dir, 'a'.repeat(16))
  const script = fileURLToPath(new URL('./support/keep-opening.mjs', import.meta.url))
  const readers = [1, 2, 3].map(() => fork(script, [store.folder]))
  const reports = readers.map((reader) => once(reader, 'message') as Promise<[{ opened: number; gaps: number }]>)
  for (let seq = 0; seq < COMMITS; seq++) {
    const data = Buffer.alloc((seq * 7919) % 40_000, seq)
    const block = { v: 1, thread: 0, seq, n: 1, spans: 1, anchor: { monoNs: 1, wallMs: 1 }, strings: {}, counters: {}, data }
    store.commit([block], [], { wallMs: 1, monoNs: seq })
    await sleep(1)
  }
  for (const reader of readers) reader.send('stop')
  for (const [report] of await Promise.all(reports)) {
    expect(report.opened).toBeGreaterThan(0)
    expect(report.gaps).toBe(0)
  }
  expect(checkDataFile(path.join(store.folder, 'data.mdb'), true)).toEqual({ problem: undefined, damagedKeys: new Set() })
  const result = openHot(store.folder)
  if (result.state === 'damaged') throw new Error(result.reason)
  expect(result.hot.sequences(0, -1)).toEqual(Array.from({ length: COMMITS }, (_, seq) => seq))
})
