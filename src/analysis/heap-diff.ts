import { ClassCounter, readClassTable, type ClassTable } from '../store/heap/class-table.ts'
import { commonPath, type HoldingPath } from '../store/heap/holding-path.ts'
import { retainedBytes } from '../store/heap/retained-bytes.ts'
import { RetainerTree } from '../store/heap/retainers.ts'
import { scanSnapshotFile } from '../store/heap/snapshot-file.ts'
import { SnapshotGraph } from '../store/heap/snapshot-graph.ts'
import { both } from '../store/heap/snapshot-scanner.ts'

/** How the objects of one class changed from one heap snapshot to another. */
export interface ClassChange {
  class: string
  count_before: number
  count_after: number
  count_change: number
  bytes_before: number
  bytes_after: number
  bytes_change: number
  /** The class had no objects before. */
  is_new: boolean
}

/** A class that grew, and why its objects are still there. */
export interface HeldClass {
  class: string
  /** What would be freed in the second snapshot were its objects not there: theirs and what only they hold. */
  retained_bytes: number
  path: HoldingPath
}

/** Two heap snapshots compared. */
export interface HeapDiff {
  objects_before: number
  objects_after: number
  bytes_before: number
  bytes_after: number
  /** Classes whose objects became more or larger, the largest growth first. */
  grown: ClassChange[]
  /** Classes that became less, the largest first. */
  shrunk: ClassChange[]
  /** What holds the objects of the classes that grew most. */
  held: HeldClass[]
}

/** Objects looked at for the way on which they are held. */
const SAMPLE = 500

/** Compares two heap snapshot files; `maxHeld`: for how many classes to say what holds them. Throws `SnapshotUnreadableError`. */
export async function diffHeaps(before: string, after: string, { maxHeld = 3 } = {}): Promise<HeapDiff> {
  const first = await readClassTable(before)
  const counter = new ClassCounter()
  const graph = new SnapshotGraph(first.maxId)
  await scanSnapshotFile(after, both(counter, graph))
  const second = counter.table()
  const changes = changesOf(first, second)
  const grown = changes.filter((change) => change.bytes_change > 0 || (change.bytes_change === 0 && change.count_change > 0))
  return {
    objects_before: first.objects,
    objects_after: second.objects,
    bytes_before: first.selfBytes,
    bytes_after: second.selfBytes,
    grown: grown.sort((a, b) => b.bytes_change - a.bytes_change || b.count_change - a.count_change),
    shrunk: changes.filter((change) => change.bytes_change < 0).sort((a, b) => a.bytes_change - b.bytes_change),
    held: holders(graph.finish(), grown, maxHeld),
  }
}

function changesOf(first: ClassTable, second: ClassTable): ClassChange[] {
  const before = new Map(first.classes.map((entry) => [entry.name, entry]))
  const names = new Set([...before.keys(), ...second.classes.map((entry) => entry.name)])
  const after = new Map(second.classes.map((entry) => [entry.name, entry]))
  return [...names].map((name) => {
    const [a, b] = [before.get(name), after.get(name)]
    const change = {
      count_before: a?.count ?? 0,
      count_after: b?.count ?? 0,
      bytes_before: a?.selfBytes ?? 0,
      bytes_after: b?.selfBytes ?? 0,
    }
    return {
      class: name,
      ...change,
      count_change: change.count_after - change.count_before,
      bytes_change: change.bytes_after - change.bytes_before,
      is_new: a === undefined,
    }
  })
}

/** V8's own bookkeeping: it grows with every run and nobody can act on what holds it. */
const INNER = /^\((?:system|compiled code|object shape|synthetic|symbol)\)$|^system \/|^Node \//
/** What everything is made of: looked at after the classes with a name of their own, since it mostly hangs on those. */
const PLAIN = /^\(|^(?:Object|Array|Function|Map|Set)$/

function holders(graph: SnapshotGraph, grown: readonly ClassChange[], maxHeld: number): HeapDiff['held'] {
  const tree = new RetainerTree(graph)
  const held: HeapDiff['held'] = []
  const acting = grown.filter((change) => !INNER.test(change.class) && change.count_change > 0)
  const plain = acting.filter((change) => PLAIN.test(change.class))
  const candidates = [...acting.filter((change) => !PLAIN.test(change.class)).slice(0, maxHeld), ...plain.slice(0, maxHeld)]
  const members = membersOf(graph, new Set(candidates.map((change) => change.class)))
  for (const { class: name } of candidates) {
    const path = commonPath(graph, tree, members.get(name) ?? [])
    if (path === undefined || path.objects * 4 < path.looked) continue
    if (held.length < maxHeld && !held.some((other) => isSameWay(other.path, path))) held.push({ class: name, retained_bytes: 0, path })
  }
  return held.map((entry) => ({ ...entry, retained_bytes: retainedBytes(graph, entry.class) }))
}

/** One way is the beginning of the other: the second says nothing more. */
function isSameWay(a: HoldingPath, b: HoldingPath): boolean {
  const text = ({ steps }: HoldingPath): string[] => steps.map(({ how, name, class: label }) => `${how} ${name} ${label}`)
  const [shorter, longer] = [text(a), text(b)].sort((one, other) => one.length - other.length) as [string[], string[]]
  return shorter.slice(0, -1).every((step, i) => step === longer[i])
}

/** A sample of the objects of some classes: of those made since the first snapshot, of all where none was. */
function membersOf(graph: SnapshotGraph, classes: ReadonlySet<string>): Map<string, number[]> {
  const made = new Map([...classes].map((name) => [name, new Sample()]))
  const all = new Map([...classes].map((name) => [name, new Sample()]))
  for (let node = 0; node < graph.nodeCount; node++) {
    const name = graph.classOf(node)
    const sample = all.get(name)
    if (sample === undefined) continue
    sample.add(node)
    if (graph.isNew(node)) made.get(name)?.add(node)
  }
  return new Map([...all].map(([name, sample]) => [name, made.get(name)?.nodes.length ? (made.get(name)?.nodes ?? []) : sample.nodes]))
}

/** Evenly spread numbers out of a row of unknown length, `SAMPLE` to twice as many. */
class Sample {
  nodes: number[] = []
  #seen = 0
  #stride = 1

  add(node: number): void {
    if (this.#seen++ % this.#stride !== 0) return
    this.nodes.push(node)
    if (this.nodes.length < 2 * SAMPLE) return
    this.nodes = this.nodes.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
  }
}
