import { className } from './snapshot-graph.ts'
import { decodeSnapshotString, type SnapshotHeader, type SnapshotVisitor } from './snapshot-scanner.ts'
import { scanSnapshotFile } from './snapshot-file.ts'

/** Objects of one class in a heap snapshot. */
export interface HeapClass {
  /** Constructor, or a kind in parentheses, as Chrome's developer tools name it. */
  name: string
  count: number
  /** Their own sizes, without what they refer to. */
  selfBytes: number
}

/** A heap snapshot by class, the largest first. */
export interface ClassTable {
  classes: HeapClass[]
  objects: number
  selfBytes: number
  /** Highest object id: objects made later in the same process have greater ones. */
  maxId: number
}

/** Counts and sizes by class of a snapshot file; references are skipped. Throws `SnapshotUnreadableError`. */
export async function readClassTable(file: string): Promise<ClassTable> {
  const counter = new ClassCounter()
  await scanSnapshotFile(file, counter)
  return counter.table()
}

/** Counts objects by class while a snapshot is scanned. */
export class ClassCounter implements SnapshotVisitor {
  #objects = 0
  #maxId = 0
  #nodeTypes: string[] = []
  #columns = { type: 0, name: 1, id: 2, size: 3 }
  #isNamed: boolean[] = []
  /** By name index: which class, plus one. */
  #classOfName = new Uint32Array(1 << 16)
  #classOfType: number[] = []
  readonly #classes: { type: number; name: string; count: number; selfBytes: number }[] = []

  header({ nodeFields, nodeTypes }: SnapshotHeader): void {
    const column = (name: string): number => nodeFields.indexOf(name)
    this.#columns = { type: column('type'), name: column('name'), id: column('id'), size: column('self_size') }
    this.#nodeTypes = nodeTypes
    this.#isNamed = nodeTypes.map((type) => type === 'object' || type === 'native')
  }

  node(row: Float64Array): void {
    const { type, name, id, size } = this.#columns
    const entry = this.#classes[this.#classIndex(row[type] as number, row[name] as number)]
    this.#objects++
    if ((row[id] as number) > this.#maxId) this.#maxId = row[id] as number
    if (entry === undefined) return
    entry.count++
    entry.selfBytes += row[size] as number
  }

  wantsString(index: number): boolean {
    return (this.#classOfName[index] ?? 0) > 0
  }

  string(index: number, bytes: Uint8Array): void {
    const entry = this.#classes[(this.#classOfName[index] ?? 0) - 1]
    if (entry !== undefined) entry.name = decodeSnapshotString(bytes)
  }

  /** The classes, once the file has been read. */
  table(): ClassTable {
    const merged = new Map<string, HeapClass>()
    for (const { type, name, count, selfBytes } of this.#classes) {
      const label = className(this.#nodeTypes[type] ?? 'unknown', () => name)
      const found = merged.get(label)
      if (found === undefined) merged.set(label, { name: label, count, selfBytes })
      else {
        found.count += count
        found.selfBytes += selfBytes
      }
    }
    const classes = [...merged.values()].sort((a, b) => b.selfBytes - a.selfBytes || b.count - a.count || a.name.localeCompare(b.name))
    const selfBytes = classes.reduce((sum, entry) => sum + entry.selfBytes, 0)
    return { classes, objects: this.#objects, selfBytes, maxId: this.#maxId }
  }

  #classIndex(type: number, name: number): number {
    if (this.#isNamed[type] !== true) {
      this.#classOfType[type] ??= this.#add(type)
      return this.#classOfType[type]
    }
    if (name >= this.#classOfName.length) {
      const grown = new Uint32Array(Math.max(name + 1, this.#classOfName.length * 2))
      grown.set(this.#classOfName)
      this.#classOfName = grown
    }
    const known = this.#classOfName[name] as number
    if (known > 0) return known - 1
    const added = this.#add(type)
    this.#classOfName[name] = added + 1
    return added
  }

  #add(type: number): number {
    return this.#classes.push({ type, name: '', count: 0, selfBytes: 0 }) - 1
  }
}
