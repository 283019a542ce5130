// CPU profiles of real processes, against what the program itself says about when which span was busy.
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { attributeSamples } from '../../src/store/profiles/attribute-samples.ts'
import { profileFiles, readProfile, readSpanLog } from '../../src/store/profiles/profile-file.ts'
import { profileNodes } from '../../src/store/profiles/stack-table.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { record, type Recorded } from '../support/record.ts'
import { BUSY_PROGRAM, busyTimes, busyWindows } from './busy-program.ts'

const sessionOf = (run: Recorded) => readSession(run.sessionDir ?? '')

describe.each(['esm', 'cjs'] as const)('PERF_CPU in a program that is %s', (format) => {
  it('ties samples and CPU time to the span whose code ran', async () => {
    const run = await record({ format, app: BUSY_PROGRAM, env: { PERF_CPU: '1ms' } })
    expect([run.status, run.stderr]).toEqual([0, ''])
    const windows = busyWindows(run.stdout)
    const truth = busyTimes(windows)

    // Sample by sample, against the window its time lies in.
    const names = new Map(run.spans.map((span) => [BigInt(`0x${span.spanId}`), span.name]))
    let right = 0
    let all = 0
    const files = profileFiles(sessionOf(run))
    for (const file of files) {
      const profile = readProfile(file)
      for (const sample of attributeSamples(profile, profileNodes(profile), readSpanLog(file), 0).samples) {
        const window = windows.find(([, from, to]) => from <= sample.timeUs && sample.timeUs <= to)
        if (window === undefined || sample.node.kind === 'native') continue
        all++
        if ((names.get(sample.spanId) ?? null) === window[0]) right++
      }
    }
    expect(all).toBeGreaterThan(200)
    expect(right / all).toBeGreaterThanOrEqual(0.99)

    // The same by SQL, and each span's own CPU time.
    const reader = await openSession(sessionOf(run))
    const byName = await reader.rows<{ span_name: string; us: number }>(
      `SELECT span_name, sum(self_us)::DOUBLE AS us FROM cpu_samples WHERE file = 'app.js' AND span_name IS NOT NULL GROUP BY ALL`,
    )
    const own = await reader.rows<{ name: string; ms: number }>(`SELECT name, sum(self_cpu_ms) AS ms FROM spans GROUP BY name`)
    reader.close()
    expect(byName.map((row) => row.span_name).sort()).toEqual(['heavy', 'light', 'nested'])
    for (const { span_name: name, us } of byName) within(us, truth.get(name) ?? 0, 0.1, `samples of ${name}`)
    const ratio = (of: (name: string) => number): number => of('heavy') / of('light')
    within(
      ratio((name) => byName.find((row) => row.span_name === name)?.us ?? 0),
      ratio((name) => truth.get(name) ?? 0),
      0.1,
      'heavy to light',
    )
    for (const { name, ms } of own) within(ms * 1000, truth.get(name) ?? 0, 0.05, `self_cpu_ms of ${name}`)
  })
})

it('PERF_CPU leaves private files, and nothing of it when it is off', async () => {
  const app = `import { span } from '@perf/agent/api'\nspan('one', () => { for (let i = 0; i < 2e8; i++) Math.sqrt(i) })`
  const on = await record({ app, env: { PERF_CPU: 'on' } })
  expect([on.status, on.stderr]).toEqual([0, ''])
  const folder = path.join(on.sessionDir ?? '', 'profiles')
  expect(readdirSync(folder).map((file) => file.replace(/^[0-9a-f]{16}/, '').replace(/(zst|gz)$/, 'z'))).toEqual([
    '.0.0.cpuprofile.z',
    '.0.0.spans.z',
  ])
  for (const file of readdirSync(folder)) expect(statSync(path.join(folder, file)).mode & 0o777).toBe(0o600)
  const off = await record({ app })
  expect(readdirSync(off.sessionDir ?? '').sort()).toEqual(['hot', 'session.json'])
  expect(Object.keys(off.spans[0]?.attributes ?? {})).toEqual([])
})

/** `value` differs from `truth` by no more than that share. */
function within(value: number, truth: number, share: number, what: string): void {
  expect(Math.abs(value / truth - 1), `${what}: ${value.toFixed(0)} instead of ${truth.toFixed(0)}`).toBeLessThanOrEqual(share)
}
