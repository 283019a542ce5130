import type { FlameData, FlameFrame } from './flame-data.ts'

/** A node of a flame graph, as d3-flame-graph takes it; values are microseconds. */
export interface FlameNode {
  name: string
  value: number
  /** File and line. */
  at?: string
  /** Against the other session of a comparison. */
  delta?: number
  children: FlameNode[]
}

/** The stacks as a tree. With `before`, nodes carry how much more time they take than there. */
export function flameTree(flame: FlameData, before?: FlameData): FlameNode {
  const root = emptyNode('all')
  addStacks(root, flame, 1)
  if (before !== undefined) {
    // Shares of the whole are compared: two runs are seldom equally long.
    const scale = before.us > 0 ? flame.us / before.us : 0
    addStacks(root, before, -scale)
  }
  return finish(root, before !== undefined)
}

interface OpenNode {
  name: string
  at: string | undefined
  value: number
  before: number
  children: Map<string, OpenNode>
}

const emptyNode = (name: string, at?: string): OpenNode => ({ name, at, value: 0, before: 0, children: new Map() })

function addStacks(root: OpenNode, flame: FlameData, sign: number): void {
  for (const { frames, us } of flame.stacks) {
    let node = root
    count(node, us, sign)
    for (const number of frames) {
      const frame = flame.frames.get(number)
      if (frame === undefined) continue
      const at = placeOf(frame)
      // Not by line: it moves when code above is edited.
      const key = `${frame.function} ${frame.file ?? ''}`
      let child = node.children.get(key)
      if (child === undefined) node.children.set(key, (child = emptyNode(frame.function, at)))
      node = child
      count(node, us, sign)
    }
  }
}

function count(node: OpenNode, us: number, sign: number): void {
  if (sign > 0) node.value += us * sign
  else node.before += us * -sign
}

function finish(node: OpenNode, isComparison: boolean): FlameNode {
  const children = [...node.children.values()].filter((child) => child.value > 0).map((child) => finish(child, isComparison))
  return {
    name: node.name,
    value: Math.round(node.value),
    ...(node.at === undefined ? {} : { at: node.at }),
    ...(isComparison ? { delta: Math.round(node.value - node.before) } : {}),
    children: children.sort((a, b) => b.value - a.value),
  }
}

/** `file:line`. */
export function placeOf({ file, line }: FlameFrame): string | undefined {
  return file === null ? undefined : line === null ? file : `${file}:${line}`
}
