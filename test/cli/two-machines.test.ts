// Sessions of two machines in one folder: the same service, the same second, names that differ in their last four digits only.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'

const NAMES = { alpha: 'shop_20261121-101500_9f3c', beta: 'shop_20261121-101500_77aa' } as const
let root: string
let dir: string
beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'perf-two-'))
  dir = path.join(root, 'together')
  for (const [host, traces, seed] of [
    ['alpha', 20, 7],
    ['beta', 30, 8],
  ] as const) {
    const own = path.join(root, host)
    await generateSession({
      dir: own, name: NAMES[host], json: { host, cwd: `/home/${host}/app` },
      instances: [{ blocks: serviceBlocks(traces, { seed }), pid: process.pid, end: null, beat: { wallMs: Date.now() - 60_000, monoNs: 1 }, process: { host, cwd: `/home/${host}/app` } }],
    }) // prettier-ignore
    writeFileSync(path.join(own, 'key'), Buffer.alloc(32, seed))
    // One is synced where it was recorded, the other after it was copied.
    if (host === 'alpha') expect((await runCli(['sync', '--dir', own])).code).toBe(0)
    cpSync(own, dir, { recursive: true })
  }
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const json = async (...args: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await runCli([...args, '--dir', dir, '--json'])
  expect([code, stderr], args.join(' ')).toEqual([0, ''])
  return JSON.parse(stdout)
}

it('are listed with their machine, none of them as running: the pid is that of another machine', async () => {
  await json('sync', '--session', '9f3c')
  await json('sync', '--session', '77aa')
  expect(await json('sessions')).toMatchObject([
    { session: NAMES.alpha, host: 'alpha', state: 'crashed', spans: 160 },
    { session: NAMES.beta, host: 'beta', state: 'crashed', spans: 240 },
  ])
  const { stdout } = await runCli(['sessions', '--dir', dir])
  expect(stdout).toMatch(/9f3c .* alpha /)
  expect(stdout).toMatch(/77aa .* beta /)
})

it('are each read by their last four digits, and refused by what both begin with', async () => {
  for (const [host, id, spans] of [['alpha', '9f3c', 160], ['beta', '77aa', 240]] as const) {
    expect(await json('report', '--session', id)).toMatchObject({ session: { name: NAMES[host] }, totals: { spans } })
    expect(await json('sql', 'SELECT count(*)::INTEGER AS n, any_value(host) AS host FROM spans JOIN processes USING (process)', '--session', id)).toEqual([
      { n: spans, host },
    ])
  } // prettier-ignore
  const both = await runCli(['report', '--dir', dir, '--session', 'shop_20261121'])
  expect([both.code, both.stderr]).toEqual([2, expect.stringMatching(/matches 2 sessions/)])
})

it('are archived, pruned and compared like any other', async () => {
  expect(await json('archive', '77aa')).toMatchObject([{ session: NAMES.beta, outcome: 'archived' }])
  expect(await json('sql', 'SELECT count(*)::INTEGER AS n FROM spans', '--session', '77aa')).toEqual([{ n: 240 }])
  const comparison = await runCli(['compare', '9f3c', '77aa', '--dir', dir, '--json'])
  expect(comparison.stderr).toBe('')
  expect(JSON.stringify(JSON.parse(comparison.stdout))).toContain('GET /search')
  const plan = (await json('prune', '--keep', '1', '--dry-run')) as { removed: { session: string }[] }
  expect(plan.removed).toHaveLength(1)
})
