// Sessions of known truth for tests of the analysis: traces as nested literals, times in milliseconds.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { SpanFlag, SpanKindCode, StatusCode } from '../../src/core/layout.ts'
import { openDatabase } from '../../src/store/analytics/database.ts'
import { syncSession } from '../../src/store/analytics/sync.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { STARTED_AT, generateSession, type SessionOptions } from './generate-session.ts'
import { RecordWriter, type TestSpan, type TestValue } from './record-writer.ts'

/** One span of a trace: `ms` is its start and end from the beginning of the trace. */
export interface Node {
  name: string
  layer: string
  ms: readonly [start: number, end: number]
  kind?: keyof typeof SpanKindCode
  error?: string
  integration?: string
  variant?: string
  weight?: number
  attributes?: Record<string, TestValue>
  /** Contents by role; only their size and hash are recorded. A list is recorded part by part. */
  payloads?: Record<string, string | readonly string[]>
  exception?: { message: string; stack?: string }
  children?: readonly Node[]
}

const MS = 1_000_000

/** Opens a session of these traces, one second apart unless `everyMs` says otherwise; removed when the test ends. */
export async function recordingOf(
  traces: readonly Node[],
  options: { everyMs?: number; session?: Partial<SessionOptions>; more?: (writer: RecordWriter) => void; insert?: readonly string[] } = {},
): Promise<SessionReader> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'perf-recording-'))
  const writer = new RecordWriter()
  let id = 1n
  const add = (node: Node, startNs: number, trace: bigint, parentId: bigint): void => {
    const spanId = id++
    for (const child of node.children ?? []) add({ weight: node.weight ?? 1, ...child }, startNs, trace, spanId)
    const span: TestSpan = {
      spanId, parentId, traceHigh: 7n, traceLow: trace, name: node.name, layer: node.layer, startNs: startNs + node.ms[0] * MS,
      endNs: startNs + node.ms[1] * MS, kind: SpanKindCode[node.kind ?? (parentId === 0n ? 'server' : 'client')], weight: node.weight ?? 1,
      flags: parentId === 0n ? SpanFlag.root : 0, status: node.error === undefined ? StatusCode.unset : StatusCode.error,
      integration: node.integration ?? node.layer,
      attributes: { ...node.attributes, ...(node.error === undefined ? {} : { 'error.type': node.error }) },
      ...(node.variant === undefined ? {} : { variant: node.variant }),
    } // prettier-ignore
    writer.span(span)
    for (const [role, content] of Object.entries(node.payloads ?? {})) writer.payload({ spanId, role, ...reference(content) })
    if (node.exception !== undefined) {
      const { message, stack = '' } = node.exception
      const attributes = { 'exception.message': message, 'exception.stacktrace': stack }
      writer.event({ spanId, timeNs: span.endNs ?? 0, name: 'exception', attributes })
    }
  }
  traces.forEach((trace, i) => add(trace, 1e9 + i * (options.everyMs ?? 1000) * MS, BigInt(i + 1), 0n))
  options.more?.(writer)
  const block = writer.block({ thread: 0, seq: 1, anchor: { monoNs: 0, wallMs: STARTED_AT } })
  const folder = await generateSession({ dir, instances: [{ blocks: [block] }], ...options.session })
  if (options.insert !== undefined) await insertRows(folder, options.insert)
  const reader = await openSession(readSession(folder))
  onTestFinished(() => {
    reader.close()
    rmSync(dir, { recursive: true, force: true })
  })
  return reader
}

/** Statements on the tables behind the views, after the first sync. */
async function insertRows(folder: string, statements: readonly string[]): Promise<void> {
  await syncSession(readSession(folder))
  const { connection, close } = await openDatabase(folder, 'write')
  for (const statement of statements) await connection.run(statement)
  close()
}

function reference(content: string | readonly string[]): { size: number; hash: string; parts: { hash: string; size: number }[] } {
  const whole = typeof content === 'string' ? content : JSON.stringify(content)
  const parts = typeof content === 'string' ? [] : content.map((part) => ({ hash: hashOf(part, 8), size: part.length }))
  return { size: whole.length, hash: hashOf(whole, 16), parts }
}

const hashOf = (text: string, bytes: number): string =>
  createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, bytes * 2)
