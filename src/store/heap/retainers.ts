import type { SnapshotGraph } from './snapshot-graph.ts'

const NONE = 0xffffffff

/**
 * Roots behind which the app's own things are. The others (the stack, the compiler, V8's own tables at the moment of the snapshot) say
 * little to a person and are followed only for objects nothing else holds.
 */
const FIRST_ROOTS = /^$|^[^(]|^\((?:GC roots|Global handles|Eternal handles)\)/

/** One reference of a path: the object that holds, how, and what it holds. */
export interface RetainerStep {
  /** The holding object. */
  node: number
  edge: number
}

/** For every object the shortest way from the roots that a person can follow. */
export class RetainerTree {
  readonly #graph: SnapshotGraph
  /** Per object: the reference through which it was reached. */
  readonly #via: Uint32Array
  readonly #holder: Uint32Array

  constructor(graph: SnapshotGraph) {
    this.#graph = graph
    this.#via = new Uint32Array(graph.nodeCount).fill(NONE)
    this.#holder = new Uint32Array(graph.nodeCount)
    this.#walk()
  }

  /** References from the roots to `node`, the roots first; empty for a root and for what nothing holds. */
  path(node: number): RetainerStep[] {
    const steps: RetainerStep[] = []
    for (let at = node; this.#via[at] !== NONE; at = this.#holder[at] as number)
      steps.push({ node: this.#holder[at] as number, edge: this.#via[at] as number })
    return steps.reverse()
  }

  /** Breadth first in three rounds: plain references, then through V8's own objects, then from the roots that say little. */
  #walk(): void {
    const { firstEdge, targets, nodeCount } = this.#graph
    if (nodeCount === 0) return
    const level = this.#levels()
    const queue = new Uint32Array(nodeCount)
    const isReached = new Uint8Array(nodeCount)
    isReached[0] = 1
    let filled = 1
    for (let round = 0; round <= 2; round++) {
      for (let read = 0; read < filled; read++) {
        const holder = queue[read] as number
        for (let edge = firstEdge[holder] as number, end = firstEdge[holder + 1] as number; edge < end; edge++) {
          const target = targets[edge] as number
          if (isReached[target] === 1 || (level[target] as number) > round) continue
          isReached[target] = 1
          this.#via[target] = edge
          this.#holder[target] = holder
          queue[filled++] = target
        }
      }
    }
  }

  #levels(): Uint8Array {
    const graph = this.#graph
    const levels = new Uint8Array(graph.nodeCount)
    const isInner = graph.nodeTypes.map((type) => type === 'hidden' || type === 'code' || type === 'object shape')
    for (let node = 1; node < graph.nodeCount; node++) {
      const type = graph.typeNumber(node)
      if (isInner[type] === true) levels[node] = 1
      else if (graph.nodeTypes[type] === 'synthetic' && !FIRST_ROOTS.test(graph.nameOf(node))) levels[node] = 2
    }
    return levels
  }
}
