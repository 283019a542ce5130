import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changeTags } from '../../src/store/session-tags.ts'
import { listSessions, readSession, resolveSession } from '../../src/store/session.ts'
import { runCli } from '../support/cli.ts'
import { runNode, importUrl, sessionsIn, writeProject } from '../support/run-node.ts'

const NAMES = ['shop_20261121-121500_cccc', 'shop_20261121-111500_aaaa', 'shop_20261121-101500_9f3c'] as const
let dir: string
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-tags-'))
  for (const [i, name] of NAMES.entries()) {
    mkdirSync(path.join(dir, 'sessions', name), { recursive: true })
    const json = { format: 1, session: name, tags: i === 2 ? ['nightly'] : [] }
    writeFileSync(path.join(dir, 'sessions', name, 'session.json'), JSON.stringify(json))
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const session = (i: number) => readSession(path.join(dir, 'sessions', NAMES[i] ?? ''))

describe('tags', () => {
  it('are those of the recording until they are changed, and session.json stays as it was', async () => {
    const before = readFileSync(path.join(session(2).folder, 'session.json'), 'utf8')
    expect(session(2).tags).toEqual(['nightly'])
    expect(await changeTags(session(2), { add: ['keep', 'nightly'] })).toEqual(['nightly', 'keep'])
    expect(await changeTags(session(2), { remove: ['nightly'] })).toEqual(['keep'])
    expect(session(2).tags).toEqual(['keep'])
    expect(readFileSync(path.join(session(2).folder, 'session.json'), 'utf8')).toBe(before)
  })

  it('are all kept when many are added at the same time', async () => {
    const tags = Array.from({ length: 12 }, (_, i) => `t${i}`)
    await Promise.all(tags.map((tag) => changeTags(session(1), { add: [tag] })))
    expect(session(1).tags.sort()).toEqual(tags.sort())
  })

  it('name sessions: the newest with it, and those before', async () => {
    await changeTags(session(0), { add: ['main'] })
    await changeTags(session(2), { add: ['main'] })
    expect(resolveSession(dir, 'tag:main').name).toBe(NAMES[0])
    expect(resolveSession(dir, 'tag:main~1').name).toBe(NAMES[2])
    expect(resolveSession(dir, 'last~0').name).toBe(NAMES[0])
    expect(resolveSession(dir, 'last~2').name).toBe(NAMES[2])
    expect(() => resolveSession(dir, 'last~3')).toThrow(/Only 3 sessions in /)
    expect(() => resolveSession(dir, 'tag:main~2')).toThrow(/Only 2 sessions tagged 'main' in /)
    expect(() => resolveSession(dir, 'tag:none')).toThrow(/No sessions tagged 'none' in .*lists the 3 there/)
  })

  it('are changed and filtered by on the command line', async () => {
    const tag = await runCli(['sessions', 'tag', 'last', 'branch=x', '--dir', dir, '--json'])
    expect(JSON.parse(tag.stdout)).toEqual({ session: NAMES[0], tags: ['main', 'branch=x'] })
    const list = await runCli(['sessions', '--tag', 'branch=x', '--dir', dir, '--json'])
    expect(JSON.parse(list.stdout)).toMatchObject([{ session: NAMES[0], tags: ['main', 'branch=x'] }])
    const untag = await runCli(['sessions', 'untag', 'tag:branch=x', 'branch=x', '--dir', dir])
    expect(untag).toMatchObject({ code: 0, stdout: `${NAMES[0]}: main\n` })
    expect((await runCli(['sessions', '--tag', 'branch=x', '--dir', dir])).stdout).toMatch(/^No sessions tagged 'branch=x' in /)
    expect((await runCli(['sessions', '--dir', dir])).stdout).toMatch(/tags .*\n.*cccc .* main/)
  })

  it.each([
    [['sessions', 'tag', 'last'], /Name a session and at least one tag/],
    [['sessions', 'tag', 'last', 'a b'], /'a b' is not a tag/],
    [['sessions', 'remove', 'last'], /There is no 'sessions remove'/],
    [['sessions', 'tag', 'nope', 'x'], /No session 'nope'/],
  ])('%j is refused in one sentence', async (args, message) => {
    const { code, stderr } = await runCli([...args, '--dir', dir])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it('are set at recording time, also where the program ends before its writer is ready', async () => {
    const cwd = writeProject({ 'app.mjs': `import { span } from '@perf/agent/api'\nspan('work', () => 1)\n` })
    expect((await runNode(['--import', importUrl(), 'app.mjs'], { cwd, env: { PERF_TAGS: 'nightly, main' } })).status).toBe(0)
    const [folder] = sessionsIn(cwd)
    expect(readSession(folder ?? '').tags).toEqual(['nightly', 'main'])
    const run = await runCli(['run', '--tags', 'keep', 'app.mjs'], { cwd })
    expect(run.code).toBe(0)
    expect(listSessions(path.join(cwd, '.perf')).map(({ tags }) => tags)).toContainEqual(['keep'])
  })
})
