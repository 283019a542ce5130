import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../src/analysis/finding.ts'
import { runCli } from '../support/cli.ts'
import { STARTED_AT, generateSession } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

const MS = 1_000_000
let dir: string
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-findings-'))
  const writer = new RecordWriter()
  for (let i = 0; i < 8; i++)
    writer.span({ spanId: BigInt(i + 2), parentId: 1n, name: 'SELECT items', layer: 'db', startNs: i * 10 * MS, endNs: (i * 10 + 9) * MS })
  writer.span({ spanId: 1n, name: 'GET /orders', layer: 'http', kind: 1, startNs: 0, endNs: 90 * MS })
  const block = writer.block({ thread: 0, seq: 1, anchor: { monoNs: 0, wallMs: STARTED_AT } })
  await generateSession({ dir, instances: [{ blocks: [block] }] })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('findings on the command line', () => {
  it('are listed, shown one by one, part of the report, and rows of a view', async () => {
    const listed = await runCli(['findings', '--json', '--dir', dir])
    const found = JSON.parse(listed.stdout) as Finding[]
    const finding = found.find(({ kind }) => kind === 'n-plus-one')
    expect(finding?.id).toMatch(/^n-plus-one-[0-9a-f]{8}$/)
    const shown = await runCli(['show', finding?.id ?? '', '--dir', dir])
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(shown.stdout).toContain(finding?.title)
    expect(shown.stdout).toContain('perf-agent trace')
    expect((await runCli(['report', '--dir', dir])).stdout).toContain('What to change')
    const rows = await runCli(['sql', '--json', '--dir', dir, "SELECT id, kind FROM findings WHERE kind = 'n-plus-one'"])
    expect(JSON.parse(rows.stdout)).toEqual([{ id: finding?.id, kind: 'n-plus-one' }])
  })

  it('say of a session without spans that there was nothing to look at, and audit does not pass it', async () => {
    const empty = mkdtempSync(path.join(os.tmpdir(), 'perf-findings-empty-'))
    await generateSession({ dir: empty, instances: [] })
    const { code, stdout } = await runCli(['findings', '--dir', empty])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^shop_\S+ holds no spans, so nothing could be looked at: [^\n]+\n$/)])
    const audited = await runCli(['audit', '--dir', empty])
    expect([audited.code, audited.stderr]).toEqual([2, expect.stringMatching(/^perf-agent: Nothing can be read of shop_\S+, [^\n]+\n$/)])
    rmSync(empty, { recursive: true, force: true })
  })

  it('say in one sentence what is wrong with the question', async () => {
    expect(await runCli(['show', 'n-plus-two', '--dir', dir])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^perf-agent: No finding 'n-plus-two'[^\n]*\n$/),
    })
    expect(await runCli(['findings', '--kind', 'x', '--dir', dir])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there are .*n-plus-one/),
    })
  })
})
