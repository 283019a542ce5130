import { FactKind } from '../../core/layout.ts'
import type { Block } from '../codec/block.ts'
import { indexBlock, readEvent, readFact, readLink, readPayload } from '../codec/decode-block.ts'
import type { AddCost } from './ai-cost.ts'
import type { ShapeTable } from './shape-table.ts'
import { stageLog } from './stage-log.ts'
import { stageRuntimeFact } from './stage-runtime.ts'
import { SpanStager } from './stage-spans.ts'
import type { Staging } from './staging.ts'
import type { WallClock } from './wall-clock.ts'

/** What was met in the blocks and could not be read. */
export interface Unreadable {
  unknownRecords: number
  unknownAttributes: number
  damagedRecords: number
}

/** Adds the records of a block to the staging tables; gives the number of ended spans. */
export function stageBlock(
  staging: Staging,
  shapes: ShapeTable,
  clock: WallClock,
  block: Block,
  processNumber: number,
  unreadable: Unreadable,
  withCost: AddCost,
): number {
  const index = indexBlock(block)
  clock.anchor(block.anchor)
  new SpanStager(staging.table('spans'), shapes, clock, block, index, processNumber, withCost).stageAll()
  for (const at of index.events) {
    const event = readEvent(index, block.strings, at)
    staging.table('events').add(event.spanId, clock.wallNs(event.timeNs), event.name, JSON.stringify(event.attributes), processNumber)
  }
  for (const at of index.links) {
    const link = readLink(index, at)
    staging.table('links').add(link.spanId, link.traceHigh, link.traceLow, link.linkedSpanId, processNumber)
  }
  for (const at of index.payloads) {
    const { spanId, role, size, hash, parts, flags } = readPayload(index, block.strings, at)
    staging
      .table('payloads')
      .add(spanId, role, size >= 0 ? BigInt(Math.round(size)) : null, hash, parts.length > 0 ? JSON.stringify(parts) : null, flags)
  }
  for (const at of index.facts) {
    const fact = readFact(index, at)
    if (fact.value === undefined) unreadable.damagedRecords++
    else if (fact.kind === FactKind.log) stageLog(staging, clock, fact.value, processNumber, block)
    else if (!stageRuntimeFact(staging, clock, fact, processNumber))
      staging.table('facts').add(fact.kind, processNumber, block.thread, clock.wallNs(block.anchor.monoNs), JSON.stringify(fact.value))
  }
  unreadable.unknownRecords += index.unknownRecords
  unreadable.unknownAttributes += index.attributes.unknown
  unreadable.damagedRecords += index.damagedRecords + index.attributes.damaged
  return index.spans.length
}
