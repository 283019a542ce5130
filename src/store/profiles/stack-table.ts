import type { CpuProfile, CpuProfileNode } from '../../core/profile-format.ts'

/** A function as it is stored; equal ones are one row. */
export interface Frame {
  function: string
  /** Null for what has no file: `(garbage collector)`, built-in functions. */
  file: string | null
  /** From 1. */
  line: number | null
  column: number | null
}

/** A stack that samples were taken on. */
export interface StackRow {
  stack: number
  frame: number
  /** Frames from the outermost. */
  frames: number[]
  text: string
}

/** Numbers the functions and stacks of a session, across profiles and syncs. */
export class StackTable {
  /** Rows that are not stored yet. */
  newFrames: (Frame & { frame: number })[] = []
  newStacks: StackRow[] = []
  readonly #frames = new Map<string, number>()
  readonly #stacks = new Map<string, number>()
  readonly #functions: string[] = []

  constructor(frames: readonly (Frame & { frame: number })[], stacks: readonly { stack: number; frames: readonly number[] }[]) {
    for (const { frame, ...rest } of frames) {
      this.#frames.set(frameKey(rest), frame)
      this.#functions[frame] = rest.function
    }
    for (const { stack, frames: list } of stacks) this.#stacks.set(list.join(' '), stack)
  }

  frameId(frame: Frame): number {
    const key = frameKey(frame)
    let id = this.#frames.get(key)
    if (id === undefined) {
      this.#frames.set(key, (id = this.#frames.size))
      this.#functions[id] = frame.function
      this.newFrames.push({ ...frame, frame: id })
    }
    return id
  }

  stackId(frames: number[]): number {
    const key = frames.join(' ')
    let id = this.#stacks.get(key)
    if (id === undefined) {
      this.#stacks.set(key, (id = this.#stacks.size))
      const text = frames.map((frame) => (this.#functions[frame] ?? '').replaceAll(';', ',')).join(';')
      this.newStacks.push({ stack: id, frame: frames.at(-1) ?? 0, frames, text })
    }
    return id
  }
}

const frameKey = ({ function: name, file, line, column }: Frame): string => `${name}\n${file ?? ''}\n${line ?? ''}\n${column ?? ''}`

/** What a node of a profile stands for. */
export interface ProfileNode {
  node: CpuProfileNode
  /** `idle`: nothing to do. `native`: outside of any callback. `gc`: garbage collection. */
  kind: 'code' | 'idle' | 'native' | 'gc'
  /** Nodes from the outermost to this one. */
  path: CpuProfileNode[]
}

/** The nodes of a profile by id, with their stacks. */
export function profileNodes(profile: CpuProfile): Map<number, ProfileNode> {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const children = new Set(profile.nodes.flatMap((node) => node.children ?? []))
  const result = new Map<number, ProfileNode>()
  const visit: { node: CpuProfileNode; path: CpuProfileNode[] }[] = profile.nodes
    .filter((node) => !children.has(node.id))
    .map((node) => ({ node, path: isRoot(node) ? [] : [node] }))
  for (let next = visit.pop(); next !== undefined; next = visit.pop()) {
    const { node, path } = next
    if (result.has(node.id)) continue
    result.set(node.id, { node, kind: kindOf(node), path })
    for (const id of node.children ?? []) {
      const child = byId.get(id)
      if (child !== undefined) visit.push({ node: child, path: [...path, child] })
    }
  }
  return result
}

const isRoot = ({ callFrame }: CpuProfileNode): boolean => callFrame.functionName === '(root)' && callFrame.url === ''

function kindOf({ callFrame: { functionName, url } }: CpuProfileNode): ProfileNode['kind'] {
  if (url !== '') return 'code'
  if (functionName === '(idle)') return 'idle'
  if (functionName === '(program)' || functionName === '(root)') return 'native'
  return functionName === '(garbage collector)' ? 'gc' : 'code'
}
