import type { StagedTable } from './staging.ts'

/** What spans of one kind share. */
interface Shape {
  name: string
  layer: string
  integration: string
  variant: string
  /** Kind, status and flags, a byte each. */
  bits: number
  process: number
  thread: number
  weight: number
  open: boolean
  /** What the JSON of their attributes begins with; null when it lies with each of them. */
  head: string | null
}

/** Shapes by number within one batch. */
export class ShapeTable {
  readonly #ids = new Map<string, number>()
  readonly #table: StagedTable
  readonly #firstId: number

  /** @param firstId where several fill one batch, each counts from a number of its own */
  constructor(table: StagedTable, firstId = 0) {
    this.#table = table
    this.#firstId = firstId
  }

  id(shape: Shape): number {
    const { name, layer, integration, variant, bits, process, thread, weight, open, head } = shape
    const key = [name, layer, integration, variant, bits, process, thread, weight, open, head].join('\u0000')
    let id = this.#ids.get(key)
    if (id === undefined) {
      id = this.#firstId + this.#ids.size
      this.#ids.set(key, id)
      const [kind, status, flags] = [bits & 0xff, (bits >> 8) & 0xff, (bits >> 16) & 0xff]
      this.#table.add(id, name, layer, integration || null, variant || null, kind, status, flags, process, thread, weight, open, head)
    }
    return id
  }
}
