// What a recorded program left in its session folder, as a test wants to read it: hot store and spill files, no DuckDB.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { FactKind, PayloadFlag, SpanFlag, SpanKindCode, StatusCode } from '../../src/core/layout.ts'
import type { AttributeJson } from '../../src/store/codec/attributes.ts'
import type { Beat, Block, EndMark, ProcessMeta } from '../../src/store/codec/block.ts'
import { decodeBlock, type DecodedBlock, type PayloadRow, type SpanRow } from '../../src/store/codec/decode-block.ts'
import { decodeSpill } from '../../src/store/codec/spill.ts'
import { openHot } from '../../src/store/hot/read.ts'

export interface RecordedPayload {
  role: string
  size: number
  hash: string
  parts: number
  cut: boolean
  /** Its content was stored. */
  kept: boolean
}

export interface RecordedSpan {
  name: string
  layer: string
  integration: string
  kind: keyof typeof SpanKindCode
  status: keyof typeof StatusCode
  /** Seen open, never ended. */
  open: boolean
  crashed: boolean
  abandoned: boolean
  spanId: string
  /** Undefined for a root. */
  parentId: string | undefined
  traceId: string
  startNs: number
  endNs: number
  durationMs: number
  attributes: Record<string, AttributeJson>
  payloads: RecordedPayload[]
  variant: string
  weight: number
  instance: string
  thread: number
}

export interface RecordedEvent {
  spanId: string
  name: string
  attributes: Record<string, AttributeJson>
}

export interface RecordedProcess extends ProcessMeta {
  end: EndMark | undefined
  /** Of the last commit: everything that ended before it is stored. Undefined when all there is are spill files. */
  beat?: Beat | undefined
  /** Spans that the disk refused or lost. */
  lostSpans?: number
}

export interface Recording {
  /** In order of their start; a span that was seen open and ended later is here once. */
  spans: RecordedSpan[]
  events: RecordedEvent[]
  links: { spanId: string; traceId: string; linkedSpanId: string }[]
  /** Facts about packages: what was loaded, instrumented or why not. */
  packages: Record<string, unknown>[]
  variants: Record<string, unknown>[]
  faults: Record<string, unknown>[]
  logs: Record<string, unknown>[]
  /** Summed over threads and processes. */
  counters: Record<string, number>
  processes: RecordedProcess[]
}

/** What environment and spill files hold of one process. */
interface Instance {
  process: RecordedProcess
  blocks: Block[]
  spilled: Block[]
}

/** Reads everything in a session folder; nothing when there is none. */
export function readSession(sessionDir: string | undefined): Recording {
  const recording = emptyRecording()
  if (sessionDir === undefined) return recording
  const hot = path.join(sessionDir, 'hot')
  const byInstance = new Map<string, Instance>()
  for (const name of readdirSync(hot)) {
    if (name.endsWith('.lmdb')) addInstance(byInstance, ...readEnvironment(path.join(hot, name)))
    else if (name.endsWith('.spill')) {
      const spill = decodeSpill(readFileSync(path.join(hot, name)))
      if (spill === undefined) throw new Error(`unreadable spill file ${name}`)
      addInstance(byInstance, { ...spill.process, end: spill.end ?? undefined }, spill.blocks, true)
    }
  }
  for (const { process, blocks, spilled } of byInstance.values()) addBlocks(recording, process, blocks, spilled)
  recording.spans.sort((a, b) => a.startNs - b.startNs)
  return recording
}

function emptyRecording(): Recording {
  return { spans: [], events: [], links: [], packages: [], variants: [], faults: [], logs: [], counters: {}, processes: [] }
}

function readEnvironment(folder: string): [RecordedProcess, Block[]] {
  const result = openHot(folder, { live: true })
  if (result.state === 'damaged') throw new Error(`damaged environment ${folder}: ${result.reason}`)
  const { hot } = result
  try {
    const process = hot.process()
    if (process === undefined) throw new Error(`${folder} does not say whose it is`)
    const blocks = hot.threads().flatMap((thread) => [...hot.blocks(thread)])
    if (hot.damagedBlocks > 0) throw new Error(`${hot.damagedBlocks} damaged blocks in ${folder}`)
    const lost = hot.lost() as { spans: number } | undefined
    return [{ ...process, end: hot.end(), beat: hot.beat(), lostSpans: lost?.spans ?? 0 }, blocks]
  } finally {
    void hot.close()
  }
}

function addInstance(all: Map<string, Instance>, process: RecordedProcess, blocks: Block[], isSpill = false): void {
  const known = all.get(process.instance) ?? { process, blocks: [], spilled: [] }
  all.set(process.instance, known)
  known[isSpill ? 'spilled' : 'blocks'].push(...blocks)
  known.process = { ...known.process, ...process, end: process.end ?? known.process.end }
}

function addBlocks(recording: Recording, process: RecordedProcess, blocks: Block[], spilled: Block[]): void {
  recording.processes.push(process)
  const stored = blocks.map(decodeBlock)
  const decoded = [...stored, ...withoutRepeated(spilled.map(decodeBlock), stored)].sort((a, b) => a.thread - b.thread || a.seq - b.seq)
  const damaged = decoded.find((block) => block.damagedRecords + block.unknownRecords > 0)
  if (damaged !== undefined) throw new Error(`damaged records in block ${damaged.thread}/${damaged.seq}`)
  const spans = new Map<string, RecordedSpan>()
  for (const block of decoded) {
    for (const row of block.open) if (!spans.has(hex(row.spanId))) spans.set(hex(row.spanId), toSpan(row, process, block))
  }
  for (const block of decoded) for (const row of block.spans) spans.set(hex(row.spanId), toSpan(row, process, block))
  for (const block of decoded) {
    for (const row of block.payloads) spans.get(hex(row.spanId))?.payloads.push(toPayload(row))
    for (const row of block.events) recording.events.push({ spanId: hex(row.spanId), name: row.name, attributes: row.attributes })
    for (const { spanId, traceHigh, traceLow, linkedSpanId } of block.links) {
      recording.links.push({ spanId: hex(spanId), traceId: hex(traceHigh) + hex(traceLow), linkedSpanId: hex(linkedSpanId) })
    }
    addFacts(recording, block)
  }
  recording.spans.push(...spans.values())
  addCounters(recording.counters, decoded)
}

/** An exit may spill what the environment has already, or gets right after: it counts once, as in sync. */
function withoutRepeated(spilled: DecodedBlock[], stored: DecodedBlock[]): DecodedBlock[] {
  if (spilled.length === 0 || stored.length === 0) return spilled
  const lists = ['payloads', 'events', 'links', 'facts'] as const
  const keyOf = (row: unknown) => JSON.stringify(row, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
  const known = new Set(stored.flatMap((block) => lists.flatMap((list) => block[list].map((row) => list + keyOf(row)))))
  const isNew = (list: string) => (row: unknown) => !known.has(list + keyOf(row))
  return spilled.map((block) => ({
    ...block,
    payloads: block.payloads.filter(isNew('payloads')),
    events: block.events.filter(isNew('events')),
    links: block.links.filter(isNew('links')),
    facts: block.facts.filter(isNew('facts')),
  }))
}

function addFacts(recording: Recording, block: DecodedBlock): void {
  const lists: Record<number, Record<string, unknown>[]> = {
    [FactKind.variant]: recording.variants,
    [FactKind.package]: recording.packages,
    [FactKind.fault]: recording.faults,
    [FactKind.log]: recording.logs,
  }
  for (const { kind, value } of block.facts) lists[kind]?.push(value as Record<string, unknown>)
}

/** Counters are cumulative for a thread: the highest is the total. A spill file may number its blocks as the environment does. */
function addCounters(counters: Record<string, number>, decoded: DecodedBlock[]): void {
  const totals = new Map<number, Record<string, number>>()
  for (const { thread, counters: counted } of decoded) {
    const total = totals.get(thread) ?? {}
    for (const [name, count] of Object.entries(counted)) total[name] = Math.max(total[name] ?? 0, count)
    totals.set(thread, total)
  }
  for (const perThread of totals.values()) {
    for (const [name, count] of Object.entries(perThread)) counters[name] = (counters[name] ?? 0) + count
  }
}

function toSpan(row: SpanRow, process: ProcessMeta, block: DecodedBlock): RecordedSpan {
  const { name, layer, integration, startNs, endNs, attributes, variant, weight } = row
  return {
    name,
    layer,
    integration,
    kind: nameOf(SpanKindCode, row.kind),
    status: nameOf(StatusCode, row.status),
    open: endNs === 0,
    crashed: (row.flags & SpanFlag.crashed) !== 0,
    abandoned: (row.flags & SpanFlag.abandoned) !== 0,
    spanId: hex(row.spanId),
    parentId: row.parentId === 0n ? undefined : hex(row.parentId),
    traceId: hex(row.traceHigh) + hex(row.traceLow),
    startNs,
    endNs,
    durationMs: endNs === 0 ? Number.NaN : (endNs - startNs) / 1e6,
    attributes,
    payloads: [],
    variant,
    weight,
    instance: process.instance,
    thread: block.thread,
  }
}

function toPayload({ role, size, hash, parts, flags }: PayloadRow): RecordedPayload {
  return { role, size, hash, parts: parts.length, cut: (flags & PayloadFlag.cut) !== 0, kept: (flags & PayloadFlag.kept) !== 0 }
}

function nameOf<Codes extends Record<string, number>>(codes: Codes, code: number): keyof Codes & string {
  const found = Object.keys(codes).find((name) => codes[name] === code)
  if (found === undefined) throw new Error(`no name for code ${code}`)
  return found
}

function hex(id: bigint): string {
  return id.toString(16).padStart(16, '0')
}
