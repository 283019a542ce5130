import path from 'node:path'
import { makeFolder } from '../core/make-folder.ts'
import type { HeapProfile, HeapProfileNode, SpanAllocations } from '../core/heap-profile-format.ts'
import { shortUrl, writeCompressed } from './profile-files.ts'

// heap/<instance>.<thread>.heapprofile.<zst|gz>   all a thread allocated so far, replaced whenever more is known

/** Nodes kept of one thread; deeper calls of later parts are counted for their callers. */
const MAX_NODES = 20_000

interface Sum {
  profile: HeapProfile
  nodes: number
  /** Sampled bytes of parts without a window: shared out as those of the next. */
  unattributed: number
}

/** The heap profiles of this process, one a thread, each the sum of its parts. */
export class HeapProfileFiles {
  private readonly folder: string
  private readonly instance: string
  private readonly sums = new Map<number, Sum>()

  constructor(sessionDir: string, instance: string) {
    this.folder = path.join(sessionDir, 'heap')
    this.instance = instance
  }

  /** Adds a part and writes the file anew, mode 0600. Throws when the disk says no. */
  add(part: HeapProfile): void {
    const { thread } = part.perf
    const sum = this.sums.get(thread) ?? { profile: emptyProfile(part), nodes: 1, unattributed: 0 }
    this.sums.set(thread, sum)
    sum.nodes = addNode(sum.profile.head, part.head, sum.nodes)
    const { perf } = sum.profile
    perf.spans = addSpans(sum, part)
    perf.elapsedMs += part.perf.elapsedMs
    perf.lookedMs += part.perf.lookedMs
    makeFolder(this.folder)
    writeCompressed(path.join(this.folder, `${this.instance}.${thread}.heapprofile`), Buffer.from(JSON.stringify(sum.profile)))
  }
}

function emptyProfile({ head, perf }: HeapProfile): HeapProfile {
  return {
    head: { callFrame: head.callFrame, selfSize: 0, id: 1, children: [] },
    samples: [],
    perf: { ...perf, elapsedMs: 0, lookedMs: 0, spans: [] },
  }
}

/** Adds a tree to another; gives the number of nodes. */
function addNode(to: HeapProfileNode, from: HeapProfileNode, nodes: number): number {
  to.selfSize += from.selfSize
  let count = nodes
  const known = new Map(to.children.map((child) => [keyOf(child), child]))
  for (const child of from.children) {
    const callFrame = { ...child.callFrame, url: shortUrl(child.callFrame.url) }
    let target = known.get(keyOf({ ...child, callFrame })) ?? sameFunction(to, child)
    if (target === undefined && count < MAX_NODES) {
      target = { callFrame, selfSize: 0, id: ++count, children: [] }
      to.children.push(target)
      known.set(keyOf(target), target)
    }
    count = addNode(target ?? to, child, count)
  }
  return count
}

/** A function of a script that V8 has collected has neither file nor line any more: the one of that name and script, when it was there before. */
function sameFunction(to: HeapProfileNode, { callFrame }: HeapProfileNode): HeapProfileNode | undefined {
  if (callFrame.url !== '' || callFrame.lineNumber >= 0 || callFrame.scriptId === '0') return undefined
  const named = to.children.filter(
    (child) => child.callFrame.scriptId === callFrame.scriptId && child.callFrame.functionName === callFrame.functionName,
  )
  return named.sort((a, b) => bytesOf(b) - bytesOf(a))[0]
}

function bytesOf(node: HeapProfileNode): number {
  return node.children.reduce((total, child) => total + bytesOf(child), node.selfSize)
}

function keyOf({ callFrame: { functionName, url, lineNumber, columnNumber } }: HeapProfileNode): string {
  return `${functionName} ${lineNumber} ${columnNumber} ${url}`
}

/**
 * The windows tell how the spans share what was allocated, V8's samples how much that was: in a window the app is slower. Without a sample
 * (less than 512 KB or so) the time that was looked at is the scale.
 */
function addSpans(sum: Sum, { head, perf }: HeapProfile): SpanAllocations[] {
  const spans = new Map(sum.profile.perf.spans.map((entry) => [`${entry.layer} ${entry.name}`, entry]))
  const looked = perf.spans.reduce((total, { bytes }) => total + bytes, 0)
  const sampled = bytesOf(head) + sum.unattributed
  sum.unattributed = looked > 0 ? 0 : sampled
  const scale = sampled > 0 && looked > 0 ? sampled / looked : perf.lookedMs > 0 ? perf.elapsedMs / perf.lookedMs : 0
  for (const { name, layer, bytes } of perf.spans) {
    const key = `${layer} ${name}`
    const entry = spans.get(key) ?? { name, layer, bytes: 0 }
    entry.bytes += Math.round(bytes * scale)
    spans.set(key, entry)
  }
  return [...spans.values()].sort((a, b) => b.bytes - a.bytes)
}
