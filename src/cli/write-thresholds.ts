import { findNodeAtLocation, parseTree, type Node } from 'jsonc-parser'
import type { Threshold } from '../analysis/audit/threshold.ts'

const FRESH = `{
  "$schema": "./node_modules/@perf/agent/docs/perf.config.schema.json"
}
`

/** The text of a perf.config.json with thresholds replaced and added, one a line; what else stands there stays as it is written. */
export function withThresholds(
  given: string | undefined,
  { replace, add }: { replace: { index: number; threshold: Threshold }[]; add: Threshold[] },
): string {
  let text = given ?? FRESH
  for (const { index, threshold } of replace) {
    const node = nodeAt(text, ['thresholds', index])
    if (node !== undefined) text = splice(text, node.offset, node.length, oneLine(threshold))
  }
  if (add.length === 0) return text
  const unit = /^([ \t]+)"/m.exec(text)?.[1] ?? '  '
  const list = nodeAt(text, ['thresholds'])
  if (list === undefined) {
    const root = nodeAt(text, [])
    return root === undefined ? text : append(text, root, [`"thresholds": [\n${entries(add, unit.repeat(2))}\n${unit}]`], unit, '')
  }
  return append(text, list, add.map(oneLine), unit.repeat(2), unit)
}

/** Puts items behind the last child of an object or array. */
function append(text: string, parent: Node, items: string[], indent: string, outer: string): string {
  const last = parent.children?.at(-1)
  const lines = items.map((item) => `\n${indent}${item}`).join(',')
  if (last === undefined) return splice(text, parent.offset + 1, parent.length - 2, `${lines}\n${outer}`)
  const end = last.offset + last.length
  // A list on one line is broken before its end.
  const isClosedOnSameLine = !text.slice(end, parent.offset + parent.length).includes('\n')
  return splice(text, end, 0, `,${lines}${isClosedOnSameLine ? `\n${outer}` : ''}`)
}

const entries = (thresholds: readonly Threshold[], indent: string): string => thresholds.map((entry) => indent + oneLine(entry)).join(',\n')

/** `{ "layer": "db", "max": 5 }` */
function oneLine(value: object): string {
  return JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ')
}

function nodeAt(text: string, path: (string | number)[]): Node | undefined {
  const root = parseTree(text)
  return root === undefined ? undefined : findNodeAtLocation(root, path)
}

const splice = (text: string, at: number, length: number, by: string): string => text.slice(0, at) + by + text.slice(at + length)
