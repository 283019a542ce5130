import type { SnapshotGraph } from './snapshot-graph.ts'

/** Bytes that would be freed were the objects of a class not there: their own and those of all that only they hold. */
export function retainedBytes(graph: SnapshotGraph, className: string): number {
  const withAll = reachableBytes(graph, undefined)
  return withAll - reachableBytes(graph, className)
}

/** Own sizes of what can be reached from the roots without passing an object of the class. */
function reachableBytes(graph: SnapshotGraph, without: string | undefined): number {
  const { nodeCount, firstEdge, targets, selfBytes } = graph
  if (nodeCount === 0) return 0
  const isReached = new Uint8Array(nodeCount)
  const queue = new Uint32Array(nodeCount)
  if (without !== undefined) for (let node = 1; node < nodeCount; node++) if (graph.classOf(node) === without) isReached[node] = 1
  let filled = 1
  let bytes = selfBytes[0] ?? 0
  isReached[0] = 1
  for (let read = 0; read < filled; read++) {
    const holder = queue[read] as number
    for (let edge = firstEdge[holder] as number, end = firstEdge[holder + 1] as number; edge < end; edge++) {
      const target = targets[edge] as number
      if (isReached[target] === 1) continue
      isReached[target] = 1
      bytes += selfBytes[target] as number
      queue[filled++] = target
    }
  }
  return bytes
}
