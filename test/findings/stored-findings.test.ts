import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { analysisHash } from '../../scripts/analysis-hash.mjs'
import { cacheReport } from '../../src/analysis/cache-report.ts'
import { cachesOf, findingsOf, refreshFindings } from '../../src/analysis/refresh-findings.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession, resolveSession } from '../../src/store/session.ts'
import { generateSession, seeded } from '../support/generate-session.ts'
import { latencySession } from '../support/latency-session.ts'
import { lognormal } from '../support/latencies.ts'
import { repositoryRoot } from '../support/node-under-test.ts'
import { scaleBlocks } from '../support/scale-session.ts'

const folder = (): string => {
  const made = mkdtempSync(path.join(os.tmpdir(), 'perf-stored-findings-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

it('findings that were stored by other code are computed anew, also where only a helper or a constant differs', () => {
  const root = folder()
  for (const part of ['src/analysis', 'src/store/analytics']) {
    mkdirSync(path.join(root, path.dirname(part)), { recursive: true })
    cpSync(path.join(repositoryRoot, part), path.join(root, part), { recursive: true })
  }
  const before = analysisHash(root)
  expect(analysisHash(repositoryRoot)).toBe(before)
  writeFileSync(path.join(root, 'src/analysis/throttled.ts'), "export const IS_LIMITED = `error_type = '503'`\n")
  const after = analysisHash(root)
  expect(after).not.toBe(before)
  writeFileSync(path.join(root, 'src/store/analytics/macros.ts'), '')
  expect(analysisHash(root)).not.toBe(after)
})

it('a session is looked at anew when one before it was synced meanwhile', async () => {
  const dir = folder()
  const random = seeded(7)
  const names = [1, 2].map((factor) => [{ name: 'search', layer: 'tool', samples: lognormal(random, 400, factor) }])
  const recorded: string[] = []
  for (const [number, of] of names.entries()) recorded.push(await latencySession({ dir, number, names: of, service: 'shop' }))
  const last = async () => await openSession(resolveSession(dir, 'last'))
  const kinds = async (): Promise<string[]> => {
    const reader = await last()
    try {
      return (await findingsOf(reader)).map(({ kind }) => kind)
    } finally {
      reader.close()
    }
  }
  await refreshFindings(await last())
  expect(await kinds()).not.toContain('regression')
  ;(await openSession(resolveSession(dir, recorded[0] ?? ''))).close()
  expect(await kinds()).toContain('regression')
})

it('what was summed up of the caches is stored with the findings, and computed where it is not', async () => {
  const session = readSession(await generateSession({ dir: folder(), instances: [{ blocks: scaleBlocks(2000) }] }))
  const asked: string[] = []
  const opened = async (): Promise<SessionReader> => {
    const reader = await openSession(session)
    return { ...reader, rows: <T>(sql: string): Promise<T[]> => (asked.push(sql), reader.rows<T>(sql)) }
  }
  const before = await opened()
  const computed = await cacheReport(before, 10)
  expect(computed.length).toBeGreaterThan(1)
  expect(await cachesOf(before, 10)).toEqual(computed)
  before.close()
  await refreshFindings(await openSession(session))
  asked.length = 0
  const after = await opened()
  expect(await cachesOf(after, 10)).toEqual(computed)
  expect(await cachesOf(after, 1)).toEqual(computed.slice(0, 1))
  expect(asked.filter((sql) => /FROM caches/.test(sql))).toEqual([])
  expect(await cachesOf(after, 1000)).toEqual(computed)
  after.close()
})
