import { SpanField } from '../../core/layout.ts'
import type { Block } from '../codec/block.ts'
import type { BlockIndex } from '../codec/decode-block.ts'
import type { AddCost } from './ai-cost.ts'
import type { ShapeTable } from './shape-table.ts'
import type { StagedTable } from './staging.ts'
import type { WallClock } from './wall-clock.ts'

/** Spans of one block that share everything but ids, times and attributes. */
interface Group {
  name: number
  layer: number
  integration: number
  variant: number
  bits: number
  weight: number
  open: boolean
  /** Beginnings that the attributes of many of them share, each with the shape that holds it. */
  heads: { text: string; id: number }[]
  /** The last attributes that began with none of them. */
  unlike: string | undefined
  /** Where the attributes of the last span lie and how they were staged: mostly the next one's are the same bytes. */
  lastAt: number
  lastBytes: number
  lastShape: number
  lastTail: string | null
}

/** What spans are told apart by besides what their records hold. */
export type StringsAndThread = Pick<Block, 'strings' | 'thread'>

/** So many different beginnings are tried per group. */
const MAX_HEADS = 4
/** A shorter beginning is not worth a shape. */
const MIN_HEAD_CHARS = 24

/**
 * Moves the span records of one block into the staging table. The attributes are split into a beginning, which lies in the shape, and
 * the rest: DuckDB takes a long text from JavaScript in a microsecond and a short one in a fifth of that (Node 20, EPYC).
 */
export class SpanStager {
  readonly #table: StagedTable
  readonly #shapes: ShapeTable
  readonly #clock: WallClock
  readonly #block: StringsAndThread
  readonly #index: BlockIndex
  readonly #process: number
  readonly #withCost: AddCost
  /** By name: few groups share one, and a short list is quicker to search than a key of seven fields. */
  readonly #groups = new Map<number, Group[]>()

  constructor(
    table: StagedTable,
    shapes: ShapeTable,
    clock: WallClock,
    block: StringsAndThread,
    index: BlockIndex,
    process: number,
    withCost: AddCost,
  ) {
    this.#table = table
    this.#shapes = shapes
    this.#clock = clock
    this.#block = block
    this.#index = index
    this.#process = process
    this.#withCost = withCost
  }

  stageAll(): void {
    for (const at of this.#index.spans) this.#stage(at, false)
    for (const at of this.#index.open) this.#stage(at, true)
  }

  #stage(at: number, open: boolean): void {
    const view = this.#index.view
    const table = this.#table
    const startNs = view.getFloat64(at + SpanField.startNs, true)
    const endNs = view.getFloat64(at + SpanField.endNs, true)
    const group = this.#groupOf(at, open)
    this.#placeAttributes(group, at)
    table.set(0, view.getBigUint64(at + SpanField.spanId, true))
    table.set(1, view.getBigUint64(at + SpanField.parentId, true))
    table.set(2, view.getBigUint64(at + SpanField.traceHigh, true))
    table.set(3, view.getBigUint64(at + SpanField.traceLow, true))
    table.set(4, this.#clock.wallNs(startNs))
    table.set(5, open ? null : BigInt(Math.max(0, Math.round(endNs - startNs) || 0)))
    table.set(6, group.lastShape)
    table.set(7, group.lastTail)
    table.next()
  }

  #groupOf(at: number, open: boolean): Group {
    const view = this.#index.view
    const name = view.getUint32(at + SpanField.name, true)
    const layer = view.getUint32(at + SpanField.layer, true)
    const integration = view.getUint32(at + SpanField.integration, true)
    const variant = view.getUint32(at + SpanField.variant, true)
    const bits =
      view.getUint8(at + SpanField.kind) | (view.getUint8(at + SpanField.status) << 8) | (view.getUint8(at + SpanField.flags) << 16)
    const weight = view.getFloat32(at + SpanField.weight, true)
    let list = this.#groups.get(name)
    if (list === undefined) this.#groups.set(name, (list = []))
    for (const group of list) {
      if (group.bits !== bits || group.layer !== layer || group.integration !== integration || group.variant !== variant) continue
      if (group.weight === weight && group.open === open) return group
    }
    const group: Group = {
      name, layer, integration, variant, bits, weight, open, heads: [], unlike: undefined, lastAt: 0, lastBytes: -1, lastShape: 0, lastTail: null,
    } // prettier-ignore
    list.push(group)
    return group
  }

  /** Decides for a span's attributes which shape it gets and what is left for itself. */
  #placeAttributes(group: Group, at: number): void {
    const { view, attributes } = this.#index
    const from = at + SpanField.attributes
    const bytes = view.getUint32(at, true) - SpanField.attributes
    if (group.lastBytes === bytes && this.#isEqual(group.lastAt, from, bytes)) return
    const recorded = attributes.json(from, view.getUint16(at + SpanField.attributeCount, true), from + bytes)
    const text = this.#block.strings[group.layer] === 'ai' ? this.#withCost(recorded) : recorded
    const head = this.#headOf(group, text)
    group.lastAt = from
    group.lastBytes = bytes
    group.lastShape = head?.id ?? this.#shapeId(group, null)
    group.lastTail = (head === undefined ? text : text.slice(head.text.length)) || null
  }

  #headOf(group: Group, text: string): Group['heads'][number] | undefined {
    for (const head of group.heads) if (text.startsWith(head.text)) return head
    const shared = group.unlike === undefined || group.heads.length >= MAX_HEADS ? '' : sharedHead(group.unlike, text)
    group.unlike = text
    if (shared.length < MIN_HEAD_CHARS) return undefined
    const head = { text: shared, id: this.#shapeId(group, shared) }
    group.heads.push(head)
    return head
  }

  #shapeId(group: Group, head: string | null): number {
    const text = (id: number): string => this.#block.strings[id] ?? ''
    const { bits, weight, open } = group
    return this.#shapes.id({
      name: text(group.name), layer: text(group.layer), integration: text(group.integration), variant: text(group.variant), bits, weight, open,
      process: this.#process, thread: this.#block.thread, head,
    }) // prettier-ignore
  }

  /** Records are padded to 8 bytes with zeros, so whole words can be compared. */
  #isEqual(a: number, b: number, bytes: number): boolean {
    const view = this.#index.view
    for (let i = bytes - 4; i >= 0; i -= 4) if (view.getUint32(a + i, true) !== view.getUint32(b + i, true)) return false
    return true
  }
}

/** What two texts begin with, up to the colon of the attribute in which they differ: its value will differ again. */
function sharedHead(a: string, b: string): string {
  if (a === b) return a
  let length = 0
  while (length < a.length && length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return a.slice(0, a.slice(0, length).lastIndexOf('":') + 2)
}
