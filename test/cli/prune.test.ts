import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { planPrune, type PruneLimits } from '../../src/analysis/prune-plan.ts'
import { archiveSession } from '../../src/store/archive/archive-session.ts'
import { syncSession } from '../../src/store/analytics/sync.ts'
import { readSession } from '../../src/store/session.ts'
import { cliFile, runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'

const DAY = 86_400_000
let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-prune-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A session that began so many days ago, of about this size. */
function make(id: string, days: number, kilobytes = 10, tags: string[] = []): string {
  const folder = path.join(dir, 'sessions', `shop_20260101-000000_${id}`)
  mkdirSync(folder, { recursive: true })
  const json = { format: 1, session: path.basename(folder), startedAt: new Date(Date.now() - days * DAY).toISOString(), tags }
  writeFileSync(path.join(folder, 'session.json'), JSON.stringify(json))
  writeFileSync(path.join(folder, 'filler'), Buffer.alloc(kilobytes * 1024))
  return folder
}
const running = (id: string, days: number): Promise<string> =>
  generateSession({
    dir,
    name: `shop_20260101-000000_${id}`,
    json: { startedAt: new Date(Date.now() - days * DAY).toISOString() },
    instances: [{ blocks: serviceBlocks(1), pid: process.pid, end: null, beat: { wallMs: Date.now(), monoNs: 1 } }],
  })
const ids = (): string[] => readdirSync(path.join(dir, 'sessions')).map((name) => name.slice(-4))
const plan = async (limits: PruneLimits) =>
  (await planPrune(dir, limits)).removals.map(({ session, reasons }) => `${session.name.slice(-4)} ${reasons.join(', ')}`)

describe('what goes', () => {
  beforeEach(() => {
    for (const [i, id] of ['aaa1', 'aaa2', 'aaa3', 'aaa4', 'aaa5'].entries()) make(id, i * 10 + 0.5, 100)
  })
  it.each<[string, PruneLimits, string[]]>([
    ['nothing without a limit', {}, []],
    ['what is older', { older: { ms: 25 * DAY, text: '25d' } }, ['aaa4 older than 25d', 'aaa5 older than 25d']],
    ['what is beyond the newest', { keep: 3 }, ['aaa4 beyond the newest 3', 'aaa5 beyond the newest 3']],
    ['the oldest, until the rest fits', { maxSize: { bytes: 320 * 1024, text: '320KB' } }, ['aaa4 all together more than 320KB', 'aaa5 all together more than 320KB']],
    ['what any limit says', { older: { ms: 35 * DAY, text: '35d' }, keep: 2, maxSize: { bytes: 350 * 1024, text: '350KB' } },
      ['aaa4 all together more than 350KB', 'aaa5 older than 35d']],
    ['not the newest, however old', { older: { ms: 5 * DAY, text: '5d' }, keep: 3 }, ['aaa4 older than 5d', 'aaa5 older than 5d']],
    ['not the newest, however large', { maxSize: { bytes: 1, text: '1B' }, keep: 4 }, ['aaa5 all together more than 1B']],
    ['not what is beyond the newest and within the other limits', { older: { ms: 60 * DAY, text: '60d' }, keep: 1 }, []],
    ['nothing that fits', { keep: 5, older: { ms: 60 * DAY, text: '60d' }, maxSize: { bytes: 1 << 20, text: '1MB' } }, []],
    ['everything', { keep: 0 }, ['aaa1', 'aaa2', 'aaa3', 'aaa4', 'aaa5'].map((id) => `${id} beyond the newest 0`)],
  ])('is %s', async (_, limits, expected) => expect(await plan(limits)).toEqual(expected)) // prettier-ignore
})

it('spares what is tagged keep or still recorded, and counts it', async () => {
  make('aaa1', 1, 100)
  make('aaa2', 40, 100, ['keep'])
  await running('aaa3', 50)
  make('aaa4', 60, 100)
  expect(await plan({ older: { ms: 30 * DAY, text: '30d' } })).toEqual(['aaa4 older than 30d'])
  expect(await plan({ maxSize: { bytes: 1, text: '1B' } })).toEqual(['aaa1 all together more than 1B', 'aaa4 all together more than 1B'])
  const { code, stdout } = await runCli(['prune', '--older', '30d', '--dir', dir])
  expect(code).toBe(0)
  expect(stdout).toMatch(/removed +shop_20260101-000000_aaa4 +100 KB +older than 30d/)
  expect(stdout).toMatch(/stays +shop_20260101-000000_aaa2 +tagged keep/)
  expect(stdout).toMatch(/stays +shop_20260101-000000_aaa3 +still being recorded/)
  expect(stdout).toMatch(/1 session removed, 100 KB; 3 stay\./)
  expect(ids()).toEqual(['aaa1', 'aaa2', 'aaa3'])
})

it('only says what would go with --dry-run', async () => {
  make('aaa1', 1)
  make('aaa2', 2)
  const { code, stdout } = await runCli(['prune', '--keep', '1', '--dry-run', '--dir', dir, '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    dry_run: true,
    removed: [{ session: 'shop_20260101-000000_aaa2', reasons: ['beyond the newest 1'], failed: null }],
    staying: { sessions: 1 },
  })
  expect(ids()).toEqual(['aaa1', 'aaa2'])
})

it.each(['as recorded', 'archived'])('leaves a session that another process reads (%s)', async (state) => {
  const folder = await generateSession({ dir, instances: [{ blocks: serviceBlocks(3) }] })
  if (state === 'archived') await archiveSession(readSession(folder), { agent: 'test' })
  else await syncSession(readSession(folder))
  const reader = await readInChild(folder)
  try {
    const busy = await runCli(['prune', '--keep', '0', '--dir', dir])
    expect([busy.code, busy.stdout]).toEqual([1, expect.stringMatching(/not removed +shop_\S+ .* being read by process \d+/)])
    expect(await reader.count()).toBe('24')
  } finally {
    reader.child.kill()
    await once(reader.child, 'exit')
  }
  expect((await runCli(['prune', '--keep', '0', '--dir', dir])).code).toBe(0)
  expect(readdirSync(path.join(dir, 'sessions'))).toEqual([])
})

async function readInChild(folder: string): Promise<{ child: ChildProcess; count(): Promise<string> }> {
  const store = pathToFileURL(path.join(path.dirname(cliFile()), 'store.js')).href
  const program = `import { openSession, readSession } from '${store}'
    const reader = await openSession(readSession(process.argv[1]))
    const count = async () => console.log((await reader.rows('SELECT count(*)::INTEGER AS n FROM spans'))[0].n)
    process.stdin.on('data', count)
    await count()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return {
    child,
    async count() {
      child.stdin.write('again')
      const [text] = (await once(child.stdout, 'data')) as [Buffer]
      return text.toString().trim()
    },
  }
}

it('takes leftovers along: interrupted writes and removals, damaged environments; nothing young, nothing of a running session', async () => {
  const folder = make('aaa1', 1)
  const live = await running('aaa2', 1)
  const old = new Date(Date.now() - 2 * 3_600_000)
  const leave = (file: string, when = old): void => {
    mkdirSync(file, { recursive: true })
    utimesSync(file, when, when)
  }
  leave(path.join(folder, 'archive.1.2.tmp'))
  leave(path.join(folder, 'hot', '0000000000000001.lmdb.damaged-1'))
  leave(path.join(dir, 'sessions', '.shop_1.removed'))
  leave(path.join(live, 'hot', '0000000000000001.lmdb.damaged-1'))
  leave(path.join(folder, 'archive.3.4.tmp'), new Date())
  const { code, stdout } = await runCli(['prune', '--dir', dir])
  expect(code).toBe(0)
  expect(stdout.match(/^removed .*$/gm)).toHaveLength(3)
  expect(readdirSync(folder)).toContain('archive.3.4.tmp')
  expect(readdirSync(path.join(live, 'hot'))).toContain('0000000000000001.lmdb.damaged-1')
  expect((await runCli(['prune', '--dir', dir])).stdout).toMatch(/^Nothing to remove: 2 sessions, /)
})

it('says which of the newest stay', async () => {
  make('aaa1', 40)
  make('aaa2', 50)
  make('aaa3', 60)
  const { stdout } = await runCli(['prune', '--older', '30d', '--keep', '2', '--dir', dir])
  expect(stdout).toMatch(/removed +shop_20260101-000000_aaa3 .* older than 30d/)
  expect(stdout).toMatch(/stays +shop_20260101-000000_aaa2 +one of the newest 2/)
  expect(ids()).toEqual(['aaa1', 'aaa2'])
})

it('leaves a session that has just started, or is only written to at the moment', async () => {
  const starting = make('aaa1', 0)
  const written = make('aaa2', 1)
  mkdirSync(path.join(written, 'hot', '0000000000000001.lmdb'), { recursive: true })
  writeFileSync(path.join(written, 'hot', '0000000000000001.lmdb', 'data.mdb'), 'the first page is on its way')
  const { stdout } = await runCli(['prune', '--keep', '0', '--dir', dir])
  expect(stdout.match(/still being recorded/g)).toHaveLength(2)
  expect(existsSync(starting) && existsSync(written)).toBe(true)
})

it('leaves a session of another folder whose process is stopped', async () => {
  const instance = 'd'.repeat(16)
  const beat = { wallMs: Date.now() - 60_000, monoNs: 1 }
  const folder = await generateSession({ dir, instances: [{ instance, blocks: serviceBlocks(1), pid: process.pid, end: null, beat }] })
  mkdirSync(path.join(dir, 'live'))
  writeFileSync(path.join(dir, 'live', `${process.pid}.json`), JSON.stringify({ instance }))
  const { code, stdout } = await runCli(['prune', '--session', folder, '--dir', path.join(dir, 'elsewhere')])
  expect([code, stdout]).toEqual([1, expect.stringMatching(/not removed .* still being recorded/)])
  expect(existsSync(folder)).toBe(true)
})

it.each([
  ['of any other kind', (place: string) => place],
  ['that holds the sessions', () => path.join(dir, 'sessions')],
  ['without a name', () => ''],
])('removes no folder %s', async (_, named) => {
  make('aaa1', 1)
  const precious = path.join(dir, 'precious')
  mkdirSync(precious)
  writeFileSync(path.join(precious, 'file'), 'precious')
  const { code, stderr } = await runCli(['prune', '--session', named(precious), '--dir', dir])
  expect([code, stderr.trim().split('\n').length]).toEqual([2, 1])
  expect(existsSync(path.join(precious, 'file'))).toBe(true)
  expect(ids()).toEqual(['aaa1'])
})

it('removes neither a project that looks like a session nor what a link leads to', async () => {
  const project = path.join(dir, 'project')
  mkdirSync(project)
  writeFileSync(path.join(project, 'session.json'), '{}')
  const link = path.join(dir, 'sessions', 'link')
  mkdirSync(path.dirname(link))
  symlinkSync(project, link)
  for (const place of [project, link]) {
    const { code, stdout } = await runCli(['prune', '--session', place, '--dir', dir])
    expect([code, stdout]).toEqual([1, expect.stringMatching(/not removed/)])
  }
  expect((await runCli(['prune', '--keep', '0', '--dir', dir])).code).toBe(0)
  expect(existsSync(path.join(link, 'session.json'))).toBe(true)
})

it('takes no leftovers from folders that are links', async () => {
  const outside = path.join(dir, 'outside')
  mkdirSync(path.join(outside, 'mine.tmp'), { recursive: true })
  const old = new Date(Date.now() - 2 * 3_600_000)
  utimesSync(path.join(outside, 'mine.tmp'), old, old)
  for (const name of ['heap', 'profiles', 'hot']) symlinkSync(outside, path.join(make(`aa${name}`, 1), name))
  expect((await runCli(['prune', '--dir', dir])).stdout).toMatch(/^Nothing to remove/)
  expect(readdirSync(outside)).toEqual(['mine.tmp'])
})

it('removes one session by its name', async () => {
  make('aaa1', 1)
  make('aaa2', 2, 10, ['keep'])
  expect((await runCli(['prune', '--session', 'aaa1', '--dir', dir])).code).toBe(0)
  expect(ids()).toEqual(['aaa2'])
  expect((await runCli(['prune', '--session', 'aaa2', '--dir', dir])).stderr).toMatch(/is tagged keep; first: perf-agent sessions untag/)
  expect(ids()).toEqual(['aaa2'])
})

it.each([
  [['--older', 'soon'], /--older needs a duration such as .*, not 'soon'/],
  [['--older', '30'], /--older needs a duration/],
  [['--keep', '-1'], /--keep needs a whole number, not '-1'/],
  [['--keep', '2.5'], /--keep needs a whole number, not '2.5'/],
  [['--max-size', 'big'], /--max-size needs a size such as .*, not 'big'/],
  [['--session', 'last', '--keep', '1'], /--session removes this one session/],
])('%j is refused in one sentence', async (args, message) => {
  make('aaa1', 1)
  const { code, stderr } = await runCli(['prune', ...args, '--dir', dir])
  expect([code, stderr.trim().split('\n').length]).toEqual([2, 1])
  expect(stderr).toMatch(message)
  expect(ids()).toEqual(['aaa1'])
})
