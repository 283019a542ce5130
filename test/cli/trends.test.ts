// `perf-agent trends`: the session and commit at which a name changed its level, and silence where none did.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { seeded } from '../support/generate-session.ts'
import { lognormal, sampled } from '../support/latencies.ts'
import { latencySession } from '../support/latency-session.ts'

let dir: string
const sessions: string[] = []
const cli = async (...args: string[]) => await runCli([...args, '--dir', dir])

interface Trends {
  service: string
  sessions: { session: string }[]
  names: {
    name: string
    values: (number | null)[]
    changes: { session: string; git_commit: string; commit_before: string; difference: number }[]
  }[]
}

async function trends(...args: string[]): Promise<Trends> {
  const { stdout, stderr, code } = await cli('trends', '--json', ...args)
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as Trends
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-trends-'))
  const random = seeded(17)
  for (let number = 0; number < 9; number++) {
    const isNew = number >= 5
    sessions.push(
      await latencySession({
        dir, number, json: { gitCommit: (isNew ? 'b' : 'a').repeat(40) },
        names: [
          { name: 'search', layer: 'tool', samples: lognormal(random, 400, isNew ? 1.6 : 1) },
          { name: 'steady', layer: 'step', samples: lognormal(random, 400) },
          { name: 'sampled', layer: 'step', samples: sampled(random, 3000) },
          { name: 'fails', layer: 'step', samples: lognormal(random, 300), failing: isNew ? 0.3 : 0.02 },
          ...(isNew ? [{ name: 'added', layer: 'step', samples: lognormal(random, 50) }] : []),
        ],
      }),
    ) // prettier-ignore
  }
  await latencySession({ dir, service: 'other', number: 20, names: [{ name: 'search', samples: lognormal(random, 50, 9) }] })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

it('finds the session and the commit at which a name got slower, and nothing else', async () => {
  const { service, sessions: found, names } = await trends('--service', 'shop', '--metric', 'p50')
  expect(service).toBe('shop')
  expect(found.map(({ session }) => session)).toEqual(sessions)
  expect(names.flatMap(({ name, changes }) => changes.map(({ session }) => [name, session]))).toEqual([['search', sessions[5]]])
  const [change] = names.find(({ name }) => name === 'search')?.changes ?? []
  expect(change).toMatchObject({ git_commit: 'b'.repeat(40), commit_before: 'a'.repeat(40) })
  expect(change?.difference).toBeCloseTo(0.6, 1)
  expect(
    names
      .find(({ name }) => name === 'added')
      ?.values.slice(0, 6)
      .map((value) => value === null),
  ).toEqual([true, true, true, true, true, false])
})

it('other metrics, and percentiles by weight', async () => {
  const rates = (await trends('--service', 'shop', '--metric', 'error_rate', '--name', 'step.fails')).names[0]
  expect(rates?.values[0]).toBeCloseTo(0.02, 2)
  expect(rates?.changes.map(({ session }) => session)).toEqual([sessions[5]])
  // Of a lognormal with median 10; the recorded calls alone would give twice as much.
  const medians = (await trends('--service', 'shop', '--metric', 'p50', '--name', 'sampled')).names[0]?.values ?? []
  for (const median of medians) expect(Math.abs((median ?? 0) - 10)).toBeLessThan(1.5)
})

it('the service of the last session is the default; --session says up to where', async () => {
  expect((await trends()).service).toBe('other')
  const until = await trends('--session', sessions[4] ?? '', '--metric', 'p50')
  expect(until.sessions).toHaveLength(5)
  expect(until.names.flatMap(({ changes }) => changes)).toEqual([])
})

it('fits 80 columns', async () => {
  const { stdout } = await cli('trends', '--service', 'shop', '--metric', 'p50')
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  expect(stdout).toMatch(/^p50 over 9 sessions of shop {2}11-21 10:15 to 11-21 18:15 \(UTC\)$/m)
  expect(stdout).toMatch(/^search: \S+ms -> \S+ms \(\+\d+%\) since shop_20261121-151500_0005, commit/m)
  const one = await cli('trends', '--service', 'shop', '--metric', 'p50', '--name', 'search')
  expect(one.stdout).toMatch(/^shop_20261121-151500_0005 +bbbbbbb +\S+ms +#+ +\+\d+%$/m)
})

it.each([
  [['--metric', 'colour'], 'there are p50, p95'],
  [['--service', 'nobody'], 'there are sessions of other, shop'],
  [['--name', 'nothing'], "No span is named 'nothing'"],
])('%j is one sentence', async (args, sentence) => {
  const { code, stdout, stderr } = await cli('trends', ...args)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(sentence)
})
