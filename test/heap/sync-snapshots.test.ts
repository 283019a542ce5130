// Heap snapshots that lie in a session's folder: the list, the view, and one that is cut short.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'
import { LEAKING, runProgram } from './snapshots.ts'

const INSTANCE = '00000000000000aa'
let dir: string
let folder: string
const cli = (...args: string[]): ReturnType<typeof runCli> => runCli([...args, '--dir', dir])

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-heap-sync-'))
  folder = await generateSession({ dir, instances: [{ instance: INSTANCE, blocks: serviceBlocks(3) }] })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function rows<T>(sql: string): Promise<T[]> {
  const reader = await openSession(readSession(folder))
  try {
    return await reader.rows<T>(sql)
  } finally {
    reader.close()
  }
}

describe('a session with heap snapshots', () => {
  it('says so when there is none', async () => {
    expect((await cli('heap')).stdout).toMatch(/has no heap snapshot/)
    const { code, stderr } = await cli('heap', '1')
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^perf-agent: Session .* has no heap snapshot\.\n$/) as string,
    })
  })

  it('shows them by class in heap_classes, also those that come after a sync', async () => {
    expect(await rows('SELECT * FROM heap_classes')).toEqual([])
    const heap = path.join(folder, 'heap')
    mkdirSync(heap)
    runProgram(dir, LEAKING)
    copyFileSync(path.join(dir, 'before.heapsnapshot'), path.join(heap, `${INSTANCE}-1795255200000.heapsnapshot`))
    copyFileSync(path.join(dir, 'after.heapsnapshot'), path.join(heap, `${INSTANCE}-1795255260000.heapsnapshot`))
    writeFileSync(path.join(heap, `${INSTANCE}-1795255260000.json`), JSON.stringify({ reason: 'heap>500MB', pauseMs: 321, objects: 4711 }))
    const found = await rows<Record<string, unknown>>(
      `SELECT snapshot, time, class, count, process FROM heap_classes WHERE class = 'Leaky' ORDER BY time`,
    )
    expect(found).toEqual([
      { snapshot: `${INSTANCE}-1795255200000`, time: '2026-11-21T10:00:00Z', class: 'Leaky', count: 1, process: 1 },
      { snapshot: `${INSTANCE}-1795255260000`, time: '2026-11-21T10:01:00Z', class: 'Leaky', count: 1001, process: 1 },
    ])
  })

  it('lists them and takes their numbers', async () => {
    const list = await cli('heap')
    expect(list.stdout).toMatch(/1 {2}2026-11-21 10:00:00 [^\n]*\n2 {2}2026-11-21 10:01:00 {2}heap>500MB +- +4,711 +321ms/)
    expect(list.stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect((await cli('heap', '2')).stdout).toMatch(/^Leaky +1,001 /m)
    expect((await cli('heap', 'diff', 'first', 'last')).stdout).toMatch(/^Leaky +1,001 +\+1,000 /m)
    const { code, stderr } = await cli('heap', '3')
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/give a number from 1 to 2, or a file\.\n$/) as string })
  })

  it('reports one that is cut short, reads the others, and reads it again once it changed', async () => {
    const cut = path.join(folder, 'heap', `${INSTANCE}-1795255300000.heapsnapshot`)
    copyFileSync(path.join(dir, 'after.heapsnapshot'), cut)
    truncateSync(cut, 1_000_000)
    expect(await rows(`SELECT count(DISTINCT snapshot) AS n FROM heap_classes`)).toEqual([{ n: 2 }])
    expect((await cli('report')).stdout).toMatch(/heap\/00000000000000aa-1795255300000: cut short/)
    copyFileSync(path.join(dir, 'after.heapsnapshot'), cut)
    utimesSync(cut, new Date(), new Date())
    expect(await rows(`SELECT count(DISTINCT snapshot) AS n FROM heap_classes`)).toEqual([{ n: 3 }])
    expect(await rows(`SELECT problem FROM store.sources WHERE problem IS NOT NULL`)).toEqual([])
  })
})
