import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Candidate } from '../../src/analysis/queue/candidate.ts'
import { runCli } from '../support/cli.ts'
import { queueByKind, serviceSession, sessionsFolder } from '../support/queue-sessions.ts'

const KIND = 'n-plus-one'
const nPlusOne = async (dir: string): Promise<Candidate | undefined> => (await queueByKind(dir)).get(KIND)
const events = (candidate: Candidate | undefined): string[] => (candidate?.history ?? []).map(({ event }) => event)

describe('the queue over sessions', () => {
  it('takes a finding in with what it would save, its figures, and where it was seen', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 0 })
    const candidate = await nPlusOne(dir)
    expect(candidate).toMatchObject({
      state: 'open', source: 'finding', service: 'shop', subject: { of: 'spans', where: { name: 'GET /orders', layer: 'http', kind: 'server' }, measure: 'duration_ms' }, waiting: null,
      first_seen: { session: 'shop_20261121-101500_9f3c', at: '2026-11-21T10:15:00.000Z', git_commit: '0'.repeat(40) }, before: { calls: 30 },
    }) // prettier-ignore
    // Eleven of twelve queries of 4 ms in each of 30 requests.
    expect(candidate?.saves.ms).toBeGreaterThan(11 * 4 * 30 * 0.95)
    expect(candidate?.saves.ms).toBeLessThan(11 * 4 * 30 * 1.05)
    expect(candidate?.priority).toBeCloseTo((candidate?.saves.ms ?? 0) / 30, -1)
    const [mean] = candidate?.metrics ?? []
    expect((mean?.current ?? 0) - (mean?.target ?? 0)).toBeCloseTo((candidate?.saves.ms ?? 0) / 30, 6)
    expect(events(candidate)).toEqual(['found'])
    expect(statSync(path.join(dir, 'queue.json')).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir).sort()).toEqual(['key', 'queue.json', 'sessions'].filter((name) => readdirSync(dir).includes(name)))
  })

  it('is closed by itself when a later session proves it, and reopened when it comes back', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 0 })
    expect((await nPlusOne(dir))?.state).toBe('open')
    await serviceSession(dir, { hour: 1, queries: 1 })
    const closed = await nPlusOne(dir)
    expect(closed).toMatchObject({ state: 'closed', settled_at: '2026-11-21T11:15:00.000Z' })
    expect(closed?.history.at(-1)).toMatchObject({ event: 'closed', session: 'shop_20261121-111500_9f3c', text: expect.stringMatching(/^median 5\d.*ms → \d.*ms \(-8\d %\), p < 0\.001, 30 and 30 calls$/) as string }) // prettier-ignore
    await serviceSession(dir, { hour: 2 })
    const reopened = await nPlusOne(dir)
    expect(reopened?.state).toBe('reopened')
    expect(events(reopened)).toEqual(['found', 'closed', 'reopened'])
    await serviceSession(dir, { hour: 3, queries: 1 })
    expect(events(await nPlusOne(dir))).toEqual(['found', 'closed', 'reopened', 'closed'])
  })

  it('stays open where it is absent and its code ran too rarely, or is not faster', async () => {
    const rarely = sessionsFolder()
    await serviceSession(rarely, { hour: 0 })
    await serviceSession(rarely, { hour: 1, queries: 1, requests: 3 })
    expect(await nPlusOne(rarely)).toMatchObject({
      state: 'open',
      waiting: expect.stringMatching(/no proof yet: not enough data: .* 30 and 3 calls/) as string,
    })
    const slow = sessionsFolder()
    await serviceSession(slow, { hour: 0 })
    await serviceSession(slow, { hour: 1, queries: 1, queryMs: 48 })
    expect(await nPlusOne(slow)).toMatchObject({ state: 'open', waiting: expect.stringMatching(/no proof yet/) as string })
    const elsewhere = sessionsFolder()
    await serviceSession(elsewhere, { hour: 0 })
    await serviceSession(elsewhere, { hour: 1, service: 'billing', queries: 1 })
    expect(await nPlusOne(elsewhere)).toMatchObject({ state: 'open', waiting: null })
  })

  it('stays closed where it shows again and is not slower than when it was closed', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 0 })
    await serviceSession(dir, { hour: 1, queries: 1 })
    await serviceSession(dir, { hour: 2, queries: 12, queryMs: 0.3 })
    const candidate = await nPlusOne(dir)
    expect(candidate?.state).toBe('closed')
    expect(events(candidate)).toEqual(['found', 'closed', 'seen again'])
  })

  it('closes failures by how often they would have had to occur', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 0, toolFailsEvery: 5 })
    expect((await queueByKind(dir)).get('failing-tool')).toMatchObject({
      state: 'open',
      metrics: [{ metric: 'error rate', current: 0.2, target: 0 }],
    })
    await serviceSession(dir, { hour: 1, requests: 10 })
    expect((await queueByKind(dir)).get('failing-tool')).toMatchObject({
      state: 'open',
      waiting: expect.stringContaining('6 of 30 → 0 of 10 failed') as string,
    })
    await serviceSession(dir, { hour: 2, requests: 40 })
    const closed = (await queueByKind(dir)).get('failing-tool')
    expect(closed?.state).toBe('closed')
    expect(closed?.history.at(-1)?.text).toMatch(/^6 of 30 → 0 of 40 failed, p = 0\.00\d$/)
  })

  it('gives the same after sessions in any order, and looks at none twice', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 1, queries: 12 })
    await serviceSession(dir, { hour: 2, queries: 1 })
    const before = await nPlusOne(dir)
    expect(before?.state).toBe('closed')
    const file = readFileSync(path.join(dir, 'queue.json'), 'utf8')
    expect((await nPlusOne(dir))?.history).toEqual(before?.history)
    expect(readFileSync(path.join(dir, 'queue.json'), 'utf8')).toBe(file)
    await serviceSession(dir, { hour: 0 })
    expect(await nPlusOne(dir)).toMatchObject({
      state: 'closed',
      first_seen: { session: 'shop_20261121-101500_9f3c' },
      history: before?.history,
    })
  })
})

describe('thresholds in the queue', () => {
  const withThresholds = async (dir: string, thresholds: object[]): Promise<Map<string, Candidate>> => {
    writeFileSync(path.join(dir, 'perf.config.json'), JSON.stringify({ thresholds }))
    const { stdout, stderr } = await runCli(['queue', '--all', '--limit', '100', '--json', '--dir', dir], { cwd: dir })
    expect(stderr).toBe('')
    return new Map((JSON.parse(stdout) as { candidates: Candidate[] }).candidates.map((candidate) => [candidate.kind, candidate]))
  }

  it('are closed when what was too slow is measurably faster', async () => {
    const dir = sessionsFolder()
    const thresholds = [{ id: 'orders', layer: 'http', name: 'GET /orders', metric: 'p95_ms', max: 30 }]
    await serviceSession(dir, { hour: 0 })
    const violated = await withThresholds(dir, thresholds)
    expect(violated.get('orders')).toMatchObject({
      state: 'open', source: 'violation', level: 'fail', subject: { of: 'spans', where: { name: 'GET /orders', layer: 'http' }, measure: 'duration_ms' },
      metrics: [{ metric: 'p95_ms', unit: 'ms', target: 30 }], title: expect.stringMatching(/^p95_ms of http GET \/orders is 5\d.*ms, at most 30 ms allowed \(orders\)$/) as string,
    }) // prettier-ignore
    // The finding about the same endpoint knows of it.
    expect(violated.get(KIND)?.violations).toMatchObject([{ rule: 'orders', target: 30 }])
    // Of 30 requests 5 % are above the 95th percentile.
    const excess = (violated.get('orders')?.metrics[0]?.current ?? 0) - 30
    expect(violated.get('orders')?.saves.ms).toBeCloseTo(excess * 30 * 0.05, 6)
    await serviceSession(dir, { hour: 1, queries: 2 })
    expect((await withThresholds(dir, thresholds)).get('orders')).toMatchObject({ state: 'closed' })
    await serviceSession(dir, { hour: 2 })
    expect((await withThresholds(dir, thresholds)).get('orders')).toMatchObject({ state: 'reopened' })
  })

  it('that are no measure of calls are closed after five sessions that keep them', async () => {
    const dir = sessionsFolder()
    const thresholds = [{ id: 'few-queries', sql: "SELECT count(*) FROM spans WHERE layer = 'db'", max: 100 }]
    await serviceSession(dir, { hour: 0 })
    expect((await withThresholds(dir, thresholds)).get('few-queries')).toMatchObject({ state: 'open', subject: null })
    for (const hour of [1, 2, 3, 4]) await serviceSession(dir, { hour, queries: 1 })
    expect((await withThresholds(dir, thresholds)).get('few-queries')).toMatchObject({
      state: 'open',
      waiting: 'not in the last 4 sessions; 5 in a row close it',
    })
    await serviceSession(dir, { hour: 5, queries: 1 })
    const closed = (await withThresholds(dir, thresholds)).get('few-queries')
    expect(closed?.state).toBe('closed')
    expect(closed?.history.at(-1)?.text).toBe('not in 5 sessions in a row')
  })
})

describe('perf-agent queue', () => {
  it('done by hand holds until a session recorded afterwards shows it again', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 0 })
    const { id = '' } = (await nPlusOne(dir)) ?? {}
    expect(await runCli(['queue', 'done', id.slice(0, 14), '--dir', dir])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${id} is done`) as string,
    })
    await serviceSession(dir, { hour: -1 })
    expect((await nPlusOne(dir))?.state).toBe('done')
    const years = 24 * 365 * 10
    await serviceSession(dir, { hour: years })
    const again = await nPlusOne(dir)
    expect(again?.state).toBe('reopened')
    expect(events(again)).toEqual(['found', 'done', 'reopened'])
  })

  it('shows the list in 80 columns, one in full, and both as markdown', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 0 })
    const list = await runCli(['queue', '--dir', dir])
    expect(list).toMatchObject({ code: 0, stderr: '' })
    expect(list.stdout).toContain('GET /orders makes the same query about 12 times in a row')
    for (const line of list.stdout.split('\n')) expect([...line].length).toBeLessThanOrEqual(80)
    const shown = await runCli(['queue', 'show', KIND, '--dir', dir])
    expect(shown.stdout).toMatch(/mean duration \d.*ms → \d.*ms/)
    expect(shown.stdout).toMatch(/perf-agent optimize n-plus-one-[0-9a-f]{8} -- <command>/)
    const markdown = await runCli(['queue', '--format', 'md', '--dir', dir])
    expect(markdown.stdout).toMatch(/^# Queue, what saves most first\n1\. `n-plus-one-/)
  })

  it('says in one sentence what is wrong', async () => {
    const dir = sessionsFolder()
    const says = async (args: string[], text: RegExp): Promise<void> => {
      const { code, stdout, stderr } = await runCli(['queue', ...args, '--dir', dir])
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(text)
      expect(stderr.trim().split('\n')).toHaveLength(1)
    }
    await says(['show', 'nothing'], /There is no 'nothing' in the queue/)
    await says(['remove', 'x'], /Say perf-agent queue, queue show ID or queue done ID/)
    await says(['show'], /Say perf-agent queue, queue show ID/)
    await serviceSession(dir, { hour: 0 })
    await serviceSession(dir, { hour: 1, service: 'billing' })
    await says(['show', KIND], /fits 2 entries of the queue \(n-plus-one-\w+@shop, n-plus-one-\w+@billing\)/)
    expect((await runCli(['queue', 'show', `${KIND}@billing`, '--dir', dir])).code).toBe(0)
    writeFileSync(path.join(dir, 'queue.json'), '{"format":1,')
    await says([], /queue\.json is damaged; move it away/)
    writeFileSync(path.join(dir, 'queue.json'), '{"format":7}')
    await says([], /written in format 7 by a newer version/)
  })

  it('takes over the lock of a killed holder, and goes on behind a session that cannot be read', async () => {
    const dir = sessionsFolder()
    await serviceSession(dir, { hour: 0 })
    const broken = await serviceSession(dir, { hour: 1 })
    writeFileSync(path.join(broken, 'session.duckdb'), 'no database')
    writeFileSync(path.join(dir, 'queue.lock'), JSON.stringify({ pid: 2 ** 22 + 1, startTime: '1', token: 'x' }))
    mkdirSync(path.join(dir, 'sessions', 'empty'))
    const { code, stdout, stderr } = await runCli(['queue', '--json', '--dir', dir])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^perf-agent: not in the queue: shop_20261121-111500_9f3c: [^\n]+\n$/)
    expect((JSON.parse(stdout) as { candidates: Candidate[] }).candidates.map(({ kind }) => kind)).toContain(KIND)
    expect(readdirSync(dir)).not.toContain('queue.lock')
  })
})
