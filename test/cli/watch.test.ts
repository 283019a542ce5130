// `perf-agent sync --watch` follows a session while it is written, until it is interrupted.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { open } from 'lmdb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { cliFile } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'
import { waitFor } from '../support/wait-for.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-watch-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

it('stores what is added, says so, and ends when it is interrupted', async () => {
  const instance = 'a'.repeat(16)
  const folder = await generateSession({ dir, name: 'watched', instances: [{ instance, blocks: serviceBlocks(10) }] })
  const child = spawn(process.execPath, [cliFile(), 'sync', '--watch', '--dir', dir, '--session', 'watched'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('exit', (code, signal) => resolve([code, signal])),
  )
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text) => (stdout += String(text)))
  child.stderr.on('data', (text) => (stderr += String(text)))
  try {
    await waitFor('the first spans', () => stdout.includes('watched: 80 new spans from 1 source'))
    const database = open({ path: path.join(folder, 'hot', `${instance}.lmdb`), noSubdir: false, compression: true })
    database.transactionSync(() => {
      for (const block of serviceBlocks(5, { seq: 100, startNs: 3e9, seed: 9 })) database.putSync(['b', block.thread, block.seq], block)
    })
    await database.close()
    await waitFor('what was added', () => stdout.includes('watched: 40 new spans'))
    expect(child.exitCode).toBeNull()
  } finally {
    child.kill('SIGINT')
  }
  expect(await ended).toEqual([null, 'SIGINT'])
  expect(stderr).toBe('')
  expect(stdout.trim().split('\n')).toHaveLength(2)
  const reader = await openSession(readSession(folder))
  expect(await reader.rows('SELECT count(*) AS spans, (SELECT count(*) FROM traces) AS traces FROM spans')).toEqual([
    { spans: 120, traces: 15 },
  ])
  reader.close()
})
