import type { RetainerTree } from './retainers.ts'
import type { SnapshotGraph } from './snapshot-graph.ts'

/** One reference on the way from a root to objects, as a person would say it. */
export interface HoldingStep {
  /** `property`, `variable` (of a function's scope), `element`, `entry` (of a Map or Set), `root`, `internal`. */
  how: 'root' | 'property' | 'variable' | 'element' | 'entry' | 'internal'
  /** Name of the property, variable or root; `*` where it differs from object to object; empty for elements and entries. */
  name: string
  /** Class of what is held at this point; of a function its name. */
  class: string
  /** The same reference follows several times in a row: a linked list. */
  repeats?: true
}

/** The way on which most of the objects looked at are held. */
export interface HoldingPath {
  steps: HoldingStep[]
  /** Objects held on this way, of so many looked at. */
  objects: number
  looked: number
}

/** A property with more names than this on the same way is a table keyed by data: its names are left out. */
const MAX_NAMES = 8

/** The most common way from the roots to `nodes` (a sample is enough); undefined when nothing holds them. */
export function commonPath(graph: SnapshotGraph, tree: RetainerTree, nodes: readonly number[]): HoldingPath | undefined {
  let paths = nodes.map((node) => stepsTo(graph, tree, node)).filter((steps) => steps.length > 0)
  const steps: HoldingStep[] = []
  for (let depth = 0; ; depth++) {
    const longer = paths.filter((path) => path.length > depth)
    if (longer.length * 2 < paths.length || longer.length === 0) break
    const { step, followers } = mostCommon(longer, depth)
    steps.push(step)
    paths = followers
  }
  return steps.length === 0 ? undefined : { steps, objects: paths.length, looked: nodes.length }
}

function mostCommon(paths: HoldingStep[][], depth: number): { step: HoldingStep; followers: HoldingStep[][] } {
  const groups = new Map<string, HoldingStep[][]>()
  const loose = new Map<string, Set<string>>()
  for (const path of paths) {
    const step = path[depth] as HoldingStep
    const kind = `${step.how} ${step.class}`
    const names = loose.get(kind) ?? new Set()
    loose.set(kind, names.add(step.name))
  }
  for (const path of paths) {
    const step = path[depth] as HoldingStep
    const kind = `${step.how} ${step.class}`
    const key = (loose.get(kind)?.size ?? 0) > MAX_NAMES ? `${kind} *` : `${kind} =${step.name}`
    groups.set(key, [...(groups.get(key) ?? []), path])
  }
  const [key, followers] = [...groups].reduce((best, entry) => (entry[1].length > best[1].length ? entry : best))
  const first = followers[0]?.[depth] as HoldingStep
  const repeats = followers.some((path) => path[depth]?.repeats === true)
  return {
    step: { how: first.how, name: key.endsWith(' *') ? '*' : first.name, class: first.class, ...(repeats && { repeats }) },
    followers,
  }
}

/** The references to one object, with what V8 puts between (tables of maps, contexts of functions, roots) folded into them. */
function stepsTo(graph: SnapshotGraph, tree: RetainerTree, node: number): HoldingStep[] {
  const steps: HoldingStep[] = []
  let pending: Omit<HoldingStep, 'class'> | undefined
  for (const { node: holder, edge } of tree.path(node)) {
    const target = graph.targets[edge] as number
    const kind = graph.edgeKind(edge)
    const name = String(graph.edgeName(edge))
    const isLast = target === node
    const holderType = graph.typeOf(holder)
    const holderName = graph.nameOf(holder)
    const previous = steps.at(-1)
    if (holderType === 'synthetic') pending = { how: 'root', name: holder === 0 ? '' : holderName }
    else if (kind === 'property') pending = { how: 'property', name }
    else if (kind === 'context') pending = { how: 'variable', name }
    else if (kind === 'element') pending = { how: 'element', name: '' }
    else if (isTable(graph, holder) && (previous?.class === 'Map' || previous?.class === 'Set')) pending = { how: 'entry', name: '' }
    else if (isCell(graph, holder)) pending = { how: 'variable', name: 'exported by a module' }
    // V8 names the variables of functions and modules, not those of blocks.
    else if (isContext(graph, holder) && /^\d+$/.test(name)) pending = { how: 'variable', name: '' }
    else pending ??= { how: 'internal', name: /^\d+$/.test(name) ? '' : name }
    if (!isLast && isFolded(graph, target)) continue
    const step = { ...pending, class: labelOf(graph, target) }
    if (previous?.how === step.how && previous.name === step.name && previous.class === step.class) previous.repeats = true
    else steps.push(step)
    pending = undefined
  }
  return steps
}

const isTable = (graph: SnapshotGraph, node: number): boolean => graph.typeOf(node) === 'array'
const isCell = (graph: SnapshotGraph, node: number): boolean => graph.typeOf(node) === 'hidden' && /Cell/.test(graph.nameOf(node))

const isContext = (graph: SnapshotGraph, node: number): boolean =>
  graph.typeOf(node) === 'object' && graph.nameOf(node) === 'system / Context'

/** V8's own objects between two objects of the app. */
function isFolded(graph: SnapshotGraph, node: number): boolean {
  const type = graph.typeOf(node)
  if (type === 'synthetic' || type === 'hidden' || type === 'array' || type === 'code' || type === 'object shape') return true
  return isContext(graph, node)
}

function labelOf(graph: SnapshotGraph, node: number): string {
  return graph.typeOf(node) === 'closure' ? `function ${graph.nameOf(node) || '(anonymous)'}` : graph.classOf(node)
}
