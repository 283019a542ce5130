// Threads of sync that cannot go on: sync says why, and its process goes on.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { generateSession } from '../support/generate-session.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-failing-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

it('lets threads that cannot write their files end by themselves', { timeout: 120_000 }, async () => {
  const folder = await generateSession({ dir, instances: [] })
  const program = path.join(import.meta.dirname, 'support', 'failing-decoders.mjs')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, folder])
  expect([stdout, stderr]).toEqual(['failed and closed\n'.repeat(5), ''])
})
