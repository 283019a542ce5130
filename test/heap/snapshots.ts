// Heap snapshots of real programs on the Node under test, and a second reader of them: the whole file through JSON.parse.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { nodeBinary } from '../support/node-under-test.ts'

/** Runs an ES module; `argv[2]` is `folder`. Gives what it printed as JSON. */
export function runProgram(folder: string, source: string, nodeArgs: readonly string[] = []): unknown {
  const file = path.join(folder, `program-${Math.random().toString(36).slice(2)}.mjs`)
  writeFileSync(file, source)
  const { stdout, stderr, status } = spawnSync(nodeBinary(), [...nodeArgs, file, folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the program ended with ${status}: ${stderr}`)
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

/** Counts and sizes by class, read the plain way. */
export function classesByJson(file: string): Record<string, { count: number; selfBytes: number }> {
  const snapshot = JSON.parse(readFileSync(file, 'utf8')) as {
    snapshot: { meta: { node_fields: string[]; node_types: [string[]] } }
    nodes: number[]
    strings: string[]
  }
  const { node_fields: fields, node_types: types } = snapshot.snapshot.meta
  const classes: Record<string, { count: number; selfBytes: number }> = {}
  for (let at = 0; at < snapshot.nodes.length; at += fields.length) {
    const value = (field: string): number => snapshot.nodes[at + fields.indexOf(field)] ?? 0
    const type = types[0][value('type')] ?? ''
    const known: Record<string, string> = { hidden: '(system)', code: '(compiled code)', closure: 'Function', regexp: 'RegExp' }
    const name = type === 'object' || type === 'native' ? (snapshot.strings[value('name')] ?? '') : (known[type] ?? `(${type})`)
    const entry = (classes[name] ??= { count: 0, selfBytes: 0 })
    entry.count++
    entry.selfBytes += value('self_size')
  }
  return classes
}

/** Bytes that cannot be reached any more without the objects of a class, read the plain way. */
export function retainedByJson(file: string, className: string): number {
  const { snapshot, nodes, edges, strings } = JSON.parse(readFileSync(file, 'utf8')) as {
    snapshot: { meta: { node_fields: string[]; edge_types: [string[]] } }
    nodes: number[]
    edges: number[]
    strings: string[]
  }
  const { node_fields: fields, edge_types: edgeTypes } = snapshot.meta
  const value = (node: number, field: string): number => nodes[node * fields.length + fields.indexOf(field)] ?? 0
  const references: number[][] = []
  let at = 0
  for (let node = 0; node * fields.length < nodes.length; node++) {
    const targets: number[] = []
    for (let left = value(node, 'edge_count'); left > 0; left--, at += 3)
      if (edgeTypes[0][edges[at] ?? 0] !== 'weak') targets.push((edges[at + 2] ?? 0) / fields.length)
    references.push(targets)
  }
  const reachable = (isGone: (node: number) => boolean): number => {
    const seen = new Set([0])
    for (const node of seen) for (const target of references[node] ?? []) if (!isGone(target)) seen.add(target)
    return [...seen].reduce((sum, node) => sum + value(node, 'self_size'), 0)
  }
  return reachable(() => false) - reachable((node) => strings[value(node, 'name')] === className && [3, 8].includes(value(node, 'type')))
}

/** A program that writes `before.heapsnapshot`, lets a thousand `Leaky` grow in the Map `held`, and writes `after.heapsnapshot`. */
export const LEAKING = `
import v8 from 'node:v8'
class Leaky { constructor(i) { this.i = i; this.text = 'leaked text number ' + i } }
const held = new Map()
function add(i) { held.set('k' + i, new Leaky(i)) }
add(0)
setInterval(() => add(held.size), 1e6)
setImmediate(() => {
  v8.writeHeapSnapshot(process.argv[2] + '/before.heapsnapshot')
  setImmediate(() => {
    for (let i = 1; i <= 1000; i++) add(i)
    v8.writeHeapSnapshot(process.argv[2] + '/after.heapsnapshot')
    process.stdout.write(JSON.stringify(v8.queryObjects(Leaky, { format: 'count' })))
    process.exit()
  })
})
`
