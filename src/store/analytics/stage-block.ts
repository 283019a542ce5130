import { FactKind } from '../../core/layout.ts'
import type { Block } from '../codec/block.ts'
import { readEvent, readFact, readLink, readPayload, type BlockIndex } from '../codec/decode-block.ts'
import type { AddCost } from './ai-cost.ts'
import type { ShapeTable } from './shape-table.ts'
import { stageLog } from './stage-log.ts'
import { stageRuntimeFact } from './stage-runtime.ts'
import type { SourceStacks } from '../profiles/source-stacks.ts'
import { SpanStager, type StringsAndThread } from './stage-spans.ts'
import type { Staging } from './staging.ts'
import type { WallClock } from './wall-clock.ts'

/** What was met in the blocks and could not be read. */
export interface Unreadable {
  unknownRecords: number
  unknownAttributes: number
  damagedRecords: number
}

/** The process whose blocks are staged, and what is kept from block to block. */
export interface StagedProcess {
  /** Its number in the session. */
  number: number
  clock: WallClock
  unreadable: Unreadable
  stacks: SourceStacks
  withCost: AddCost
}

/** Adds the spans and payloads of a block to the staging tables: nearly all there is in a large session. */
export function stageBulk(
  staging: Staging,
  shapes: ShapeTable,
  block: StringsAndThread,
  index: BlockIndex,
  { number, clock, withCost }: Pick<StagedProcess, 'number' | 'clock' | 'withCost'>,
): void {
  new SpanStager(staging.table('spans'), shapes, clock, block, index, number, withCost).stageAll()
  for (const at of index.payloads) {
    const { spanId, role, size, hash, parts, flags } = readPayload(index, block.strings, at)
    staging
      .table('payloads')
      .add(spanId, role, size >= 0 ? BigInt(Math.round(size)) : null, hash, parts.length > 0 ? JSON.stringify(parts) : null, flags)
  }
}

/** Adds everything else of a block: what of it comes later may replace what came before, so that its order counts. */
export function stageRest(staging: Staging, block: Block, index: BlockIndex, from: StagedProcess): void {
  const { number: processNumber, clock, unreadable } = from
  for (const at of index.events) {
    const event = readEvent(index, block.strings, at)
    staging.table('events').add(event.spanId, clock.wallNs(event.timeNs), event.name, JSON.stringify(event.attributes), processNumber)
  }
  for (const at of index.links) {
    const link = readLink(index, at)
    staging.table('links').add(link.spanId, link.traceHigh, link.traceLow, link.linkedSpanId, processNumber)
  }
  for (const at of index.facts) {
    const fact = readFact(index, at)
    if (fact.value === undefined) unreadable.damagedRecords++
    else if (fact.kind === FactKind.log) stageLog(staging, clock, fact.value, processNumber, block)
    else if (!stageRuntimeFact(staging, from, fact))
      staging.table('facts').add(fact.kind, processNumber, block.thread, clock.wallNs(block.anchor.monoNs), JSON.stringify(fact.value))
  }
  unreadable.unknownRecords += index.unknownRecords
  unreadable.damagedRecords += index.damagedRecords
}

/** Counts what the attributes of a block held that could not be read, once they have been. */
export function countAttributes(unreadable: Unreadable, { attributes }: BlockIndex): void {
  unreadable.unknownAttributes += attributes.unknown
  unreadable.damagedRecords += attributes.damaged
}

/** A record of more bytes is large; spans have some 170 on average, payloads 70 (measured). */
const USUAL_BYTES = 256

/** What the records of a block take beyond the usual, bytes: of these texts DuckDB can hold far fewer than of usual records. */
export function largeBytesOf(data: Uint8Array, records: number): number {
  return Math.max(0, data.byteLength - records * USUAL_BYTES)
}
