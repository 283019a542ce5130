// A session written by format 1 stays readable, row by row. The folder beside this file is never made anew: what no longer reads it is wrong.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { runCli } from '../support/cli.ts'

const QUERIES = {
  processes: `SELECT process, instance, pid, parent_instance, service, command, cwd, node, host, state, end_reason, exit_code FROM processes ORDER BY process`,
  spans: `SELECT span_id, parent_id, trace_id, name, layer, integration, kind, start_time, duration_ms, status, error_type, process, thread, variant, conversation,
    weight, capture, attributes FROM spans ORDER BY span_id`,
  events: `SELECT span_id, time, name, attributes FROM events ORDER BY time`,
  links: `SELECT span_id, linked_trace_id, linked_span_id FROM links`,
  payloads: `SELECT span_id, role, size, hash, parts, truncated, captured, format, text FROM payloads ORDER BY span_id, role`,
  variants: `SELECT variant, name, file, line, git_commit, source FROM variants`,
  packages: `SELECT name, version, integration, status, reason FROM packages ORDER BY version`,
  faults: `SELECT place, message, count FROM faults`,
  logs: `SELECT level, message, span_id, attributes FROM logs`,
  counters: `SELECT process, thread, name, value FROM counters ORDER BY ALL`,
}

let dir: string
let reader: SessionReader
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-golden-'))
  const folder = path.join(dir, 'sessions', 'golden_20261121-101500_9f3c')
  cpSync(path.join(import.meta.dirname, 'format-1'), folder, { recursive: true })
  reader = await openSession(readSession(folder))
})
afterAll(() => {
  reader.close()
  rmSync(dir, { recursive: true, force: true })
})

const expected = JSON.parse(readFileSync(path.join(import.meta.dirname, 'format-1.expected.json'), 'utf8')) as Record<string, unknown>

it.each(Object.entries(QUERIES))('holds the same %s', async (table, query) => {
  const rows = await reader.rows<{ attributes?: Record<string, unknown> | null }>(query)
  // Today's prices are not part of the recording.
  for (const { attributes } of rows) delete attributes?.['perf.ai.cost_usd']
  expect(rows).toEqual(expected[table])
})

it('is archived, and reads the same from there', async () => {
  reader.close()
  expect(await runCli(['archive', 'last', '--dir', dir])).toMatchObject({ code: 0, stderr: '' })
  reader = await openSession(readSession(path.join(dir, 'sessions', 'golden_20261121-101500_9f3c')))
  for (const [table, query] of Object.entries(QUERIES)) {
    const rows = await reader.rows<{ attributes?: Record<string, unknown> | null }>(query)
    for (const { attributes } of rows) delete attributes?.['perf.ai.cost_usd']
    expect(rows, table).toEqual(expected[table])
  }
})

it('is reported on', async () => {
  const report = await runCli(['report', '--dir', dir])
  expect(report).toMatchObject({ code: 0, stderr: '' })
  expect(report.stdout).toContain('POST /chat')
})
