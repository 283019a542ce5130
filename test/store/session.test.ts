import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { processState } from '../../src/store/liveness.ts'
import { listSessions, resolveSession } from '../../src/store/session.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-session-'))
  for (const [name, startedAt] of [
    ['shop_20261121-101500_9f3c', '2026-11-21T10:15:00Z'],
    ['shop_20261121-111500_aaaa', '2026-11-21T11:15:00Z'],
    ['api_20261120-101500_bbbb', '2026-11-20T10:15:00Z'],
  ] as const) {
    mkdirSync(path.join(dir, 'sessions', name), { recursive: true })
    writeFileSync(
      path.join(dir, 'sessions', name, 'session.json'),
      JSON.stringify({ format: 1, session: name, startedAt, future: { kept: true } }),
    )
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('sessions', () => {
  it('are listed newest first, with what a later version may have added', () => {
    const sessions = listSessions(dir)
    expect(sessions.map((session) => session.name)).toEqual([
      'shop_20261121-111500_aaaa',
      'shop_20261121-101500_9f3c',
      'api_20261120-101500_bbbb',
    ])
    expect(sessions[0]?.json['future']).toEqual({ kept: true })
  })

  it.each([
    [undefined, 'shop_20261121-111500_aaaa'],
    ['last', 'shop_20261121-111500_aaaa'],
    ['api', 'api_20261120-101500_bbbb'],
    ['9f3c', 'shop_20261121-101500_9f3c'],
    ['shop_20261121-10', 'shop_20261121-101500_9f3c'],
    ['shop_20261121-101500_9f3c', 'shop_20261121-101500_9f3c'],
  ])('%s stands for %s', (which, name) => expect(resolveSession(dir, which).name).toBe(name))

  it('may be given by their folder', () => {
    expect(resolveSession('/nowhere', path.join(dir, 'sessions', 'api_20261120-101500_bbbb')).name).toBe('api_20261120-101500_bbbb')
  })

  it.each([
    ['shop', /matches 2 sessions \(shop_20261121-111500_aaaa, shop_20261121-101500_9f3c\)/],
    ['nope', /No session 'nope' in .*lists the 3 there/],
    ['./nope', /There is no session folder at \.\/nope/],
  ])('%s is refused with what to do', (which, message) => expect(() => resolveSession(dir, which)).toThrow(message))

  it('say how to record one when there is none', () =>
    expect(() => resolveSession('/nowhere')).toThrow(/node --import @perf\/agent app\.js/))
})

describe('processState', () => {
  const now = 1_800_000_000_000
  const here = { host: os.hostname(), instance: 'a', pid: process.pid }
  const fresh = { wallMs: now - 1000, monoNs: 0 }
  const stale = { wallMs: now - 60_000, monoNs: 0 }
  const end = (reason: string): Parameters<typeof processState>[3] => ({ wallMs: now, monoNs: 0, code: 0, reason })
  it.each([
    ['done', 'an end mark', here, stale, end('exit')],
    ['crashed', 'an end by an uncaught error', here, fresh, end('uncaught')],
    ['live', 'a beat and a living pid', here, fresh, undefined],
    ['crashed', 'a dead pid, however fresh the beat', { ...here, pid: 2 ** 22 - 3 }, fresh, undefined],
    ['crashed', 'a pid in use again', here, stale, undefined],
    ['live', 'a fresh beat on another machine', { ...here, host: 'elsewhere', pid: 1 }, fresh, undefined],
    ['crashed', 'a stale beat on another machine', { ...here, host: 'elsewhere', pid: process.pid }, stale, undefined],
  ] as const)('is %s with %s', (state, _, meta, beat, mark) => expect(processState(dir, meta, beat, mark, now)).toBe(state))

  it('is live for a paused process that live/<pid>.json names', () => {
    mkdirSync(path.join(dir, 'live'), { recursive: true })
    writeFileSync(path.join(dir, 'live', `${process.pid}.json`), JSON.stringify({ instance: 'a' }))
    expect(processState(dir, here, stale, undefined, now)).toBe('live')
    expect(processState(dir, { ...here, instance: 'b' }, stale, undefined, now)).toBe('crashed')
  })
})
