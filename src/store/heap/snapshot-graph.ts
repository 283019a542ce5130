import { decodeSnapshotString, type SnapshotHeader, type SnapshotVisitor } from './snapshot-scanner.ts'

/** Kinds of edges that matter here, by their number in `SnapshotGraph.edgeTypes`. */
export type EdgeKind = 'context' | 'element' | 'property' | 'internal' | 'hidden' | 'shortcut'

const NAME_BITS = 29
const NAME_MASK = (1 << NAME_BITS) - 1
const NEW_BIT = 0x80

/**
 * The objects and references of a heap snapshot in typed arrays: 13 bytes an object, 8 a reference. Weak references are left out.
 * Fill it with `scanSnapshotFile`.
 */
export class SnapshotGraph implements SnapshotVisitor {
  nodeTypes: string[] = []
  edgeTypes: string[] = []
  nodeCount = 0
  edgeCount = 0
  /** Per object: index of its first reference; one entry more than objects. */
  firstEdge: Uint32Array = new Uint32Array(1)
  /** Per object: own size in bytes. */
  selfBytes: Uint32Array = new Uint32Array(0)
  /** Per reference: the object it leads to. */
  targets: Uint32Array = new Uint32Array(0)
  /** Per reference: kind in the upper 3 bits, name or index below. */
  #labels: Uint32Array = new Uint32Array(0)
  #types: Uint8Array = new Uint8Array(0)
  #names: Uint32Array = new Uint32Array(0)
  readonly #strings = new Map<number, string>()
  readonly #sinceId: number
  #columns = { type: 0, name: 1, id: 2, size: 3, edges: 4 }
  #nodeFields = 1
  #node = 0
  #source = 0
  #left = 0
  #weak = -1
  #indexed = new Set<number>()
  #wanted: Uint8Array = new Uint8Array(0)

  /** @param sinceId objects with a greater id are `isNew`: they were made after an earlier snapshot of the same process */
  constructor(sinceId = Infinity) {
    this.#sinceId = sinceId
  }

  header({ nodeFields, nodeTypes, edgeTypes, nodeCount, edgeCount }: SnapshotHeader): void {
    const column = (name: string): number => nodeFields.indexOf(name)
    this.#columns = { type: column('type'), name: column('name'), id: column('id'), size: column('self_size'), edges: column('edge_count') }
    this.#nodeFields = nodeFields.length
    this.nodeTypes = nodeTypes
    this.edgeTypes = edgeTypes
    this.#weak = edgeTypes.indexOf('weak')
    this.#indexed = new Set(['element', 'hidden'].map((name) => edgeTypes.indexOf(name)))
    this.nodeCount = nodeCount
    this.firstEdge = new Uint32Array(nodeCount + 1)
    this.selfBytes = new Uint32Array(nodeCount)
    this.#types = new Uint8Array(nodeCount)
    this.#names = new Uint32Array(nodeCount)
    this.targets = new Uint32Array(edgeCount)
    this.#labels = new Uint32Array(edgeCount)
    this.#wanted = new Uint8Array(1 << 16)
  }

  node(row: Float64Array): void {
    const node = this.#node++
    const { type, name, id, size, edges } = this.#columns
    const nameIndex = row[name] as number
    this.#types[node] = (row[type] as number) | ((row[id] as number) > this.#sinceId ? NEW_BIT : 0)
    this.#names[node] = nameIndex
    this.selfBytes[node] = Math.min(row[size] as number, 0xffffffff)
    // How many it has, until the references themselves have been read.
    this.firstEdge[node + 1] = row[edges] as number
    if (!this.#isText(row[type] as number)) this.#want(nameIndex)
  }

  edge(row: Float64Array): void {
    while (this.#left === 0 && this.#source < this.nodeCount) this.#nextSource()
    this.#left--
    const type = row[0] as number
    if (type === this.#weak) return
    const name = row[1] as number
    this.targets[this.edgeCount] = (row[2] as number) / this.#nodeFields
    this.#labels[this.edgeCount++] = ((type << NAME_BITS) | Math.min(name, NAME_MASK)) >>> 0
    if (!this.#indexed.has(type)) this.#want(name)
  }

  #nextSource(): void {
    const node = this.#source++
    this.#left = this.firstEdge[node + 1] as number
    this.firstEdge[node] = this.edgeCount
    // What follows has no references of its own until the loop comes to it.
    if (this.#source === this.nodeCount) this.firstEdge[this.nodeCount] = this.edgeCount
  }

  wantsString(index: number): boolean {
    return this.#wanted[index] === 1
  }

  string(index: number, bytes: Uint8Array): void {
    this.#strings.set(index, decodeSnapshotString(bytes))
  }

  /** To be called when the file has been read. */
  finish(): this {
    while (this.#source < this.nodeCount) this.#nextSource()
    this.firstEdge[this.nodeCount] = this.edgeCount
    return this
  }

  /** Index into `nodeTypes`. */
  typeNumber(node: number): number {
    return (this.#types[node] as number) & ~NEW_BIT
  }

  typeOf(node: number): string {
    return this.nodeTypes[this.typeNumber(node)] ?? 'unknown'
  }

  isNew(node: number): boolean {
    return ((this.#types[node] as number) & NEW_BIT) !== 0
  }

  /** Name of the object: of its class, function, root. Texts have none: what they say is not kept. */
  nameOf(node: number): string {
    return this.#strings.get(this.#names[node] as number) ?? ''
  }

  nameIndexOf(node: number): number {
    return this.#names[node] as number
  }

  /** Class as Chrome's developer tools name it: a constructor, or a kind in parentheses. */
  classOf(node: number): string {
    return className(this.typeOf(node), () => this.nameOf(node))
  }

  edgeKind(edge: number): EdgeKind {
    return this.edgeTypes[(this.#labels[edge] as number) >>> NAME_BITS] as EdgeKind
  }

  /** Name of a property or variable; the index of an element. */
  edgeName(edge: number): string | number {
    const label = this.#labels[edge] as number
    const name = label & NAME_MASK
    return this.#indexed.has(label >>> NAME_BITS) ? name : (this.#strings.get(name) ?? '')
  }

  #isText(type: number): boolean {
    const name = this.nodeTypes[type]
    return name === 'string' || name === 'concatenated string' || name === 'sliced string' || name === 'number' || name === 'bigint'
  }

  #want(index: number): void {
    if (index >= this.#wanted.length) {
      const grown = new Uint8Array(Math.max(index + 1, this.#wanted.length * 2))
      grown.set(this.#wanted)
      this.#wanted = grown
    }
    this.#wanted[index] = 1
  }
}

/** Class of an object by the type of its node. */
export function className(type: string, name: () => string): string {
  switch (type) {
    case 'object':
    case 'native':
      return name()
    case 'hidden':
      return '(system)'
    case 'code':
      return '(compiled code)'
    case 'closure':
      return 'Function'
    case 'regexp':
      return 'RegExp'
    default:
      return `(${type})`
  }
}
