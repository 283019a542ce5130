// Sessions of one service for tests of the queue: the same endpoint again and again, each session later than the one before.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { Candidate } from '../../src/analysis/queue/candidate.ts'
import { runCli } from './cli.ts'
import { STARTED_AT, generateSession, seeded } from './generate-session.ts'
import { RecordWriter } from './record-writer.ts'

const MS = 1_000_000

interface ServiceSession {
  /** Hours after the first session. */
  hour: number
  service?: string
  requests?: number
  /** Queries of each request, one after the other. */
  queries?: number
  /** Milliseconds each query takes. */
  queryMs?: number
  /** Every how many requests the tool fails; 0: never. */
  toolFailsEvery?: number
}

/** A session of `GET /orders`: `queries` times the same statement, a tool, and 5 ms of its own; durations vary by a tenth, from a seed. */
export async function serviceSession(dir: string, options: ServiceSession): Promise<string> {
  const { hour, service = 'shop', requests = 30, queries = 12, queryMs = 4, toolFailsEvery = 0 } = options
  const writer = new RecordWriter()
  const random = seeded(hour + 1)
  let id = BigInt(hour + 1) << 32n
  for (let i = 0; i < requests; i++) {
    const root = id++
    const trace = { traceHigh: BigInt(hour + 9), traceLow: BigInt(i + 1) }
    const startNs = 1e9 + i * 1000 * MS
    let at = startNs + 2 * MS
    for (let q = 0; q < queries; q++) {
      const endNs = at + queryMs * (0.9 + random() / 5) * MS
      const attributes = { 'db.query.text': 'SELECT * FROM items WHERE id = $1' }
      writer.span({ ...trace, spanId: id++, parentId: root, name: 'SELECT items', layer: 'db', kind: 2, startNs: at, endNs, attributes })
      at = endNs
    }
    const hasFailed = toolFailsEvery > 0 && i % toolFailsEvery === 0
    const attributes = { 'gen_ai.tool.name': 'stock', ...(hasFailed ? { 'error.type': 'Error' } : {}) }
    writer.span({
      ...trace,
      spanId: id++,
      parentId: root,
      name: 'stock',
      layer: 'tool',
      startNs: at,
      endNs: at + MS,
      status: hasFailed ? 2 : 0,
      attributes,
    })
    writer.span({ ...trace, spanId: root, name: 'GET /orders', layer: 'http', kind: 1, flags: 2, startNs, endNs: at + (3 + random()) * MS })
  }
  const startedAt = new Date(STARTED_AT + hour * 3_600_000)
  const stamp = startedAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const block = writer.block({ thread: 0, seq: 1, anchor: { monoNs: 0, wallMs: startedAt.getTime() } })
  const name = `${service}_${stamp}_9f3c`
  const json = { startedAt: startedAt.toISOString(), gitCommit: String(hour % 10).repeat(40) }
  return generateSession({ dir, name, service, instances: [{ blocks: [block] }], json })
}

/** A folder for sessions; removed when the test ends. */
export function sessionsFolder(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'perf-queue-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** The queue after a refresh, by kind (of a violation: its rule). */
export async function queueByKind(dir: string): Promise<Map<string, Candidate>> {
  const { code, stdout, stderr } = await runCli(['queue', '--all', '--limit', '100', '--json', '--dir', dir])
  if (code !== 0 || stderr !== '') throw new Error(`queue ended with ${code}: ${stderr}`)
  const { candidates } = JSON.parse(stdout) as { candidates: Candidate[] }
  return new Map(candidates.map((candidate) => [candidate.kind, candidate]))
}
