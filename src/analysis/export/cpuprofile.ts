import type { CpuProfile, CpuProfileNode } from '../../core/profile-format.ts'
import type { FlameFrame, ThreadSamples } from '../cpu/flame-data.ts'

/** V8's `.cpuprofile` of one thread, as DevTools and editors read it; positions are those of the source. */
export function toCpuProfile(frames: ReadonlyMap<number, FlameFrame>, thread: ThreadSamples): CpuProfile {
  const nodes: CpuProfileNode[] = []
  const byPath = new Map<string, CpuProfileNode>()
  const child = (parent: CpuProfileNode | undefined, path: string, frame: FlameFrame): CpuProfileNode => {
    let node = byPath.get(path)
    if (node === undefined) {
      node = { id: nodes.length + 1, callFrame: callFrame(frame), hitCount: 0, children: [] }
      nodes.push(node)
      byPath.set(path, node)
      parent?.children?.push(node.id)
    }
    return node
  }
  const root = child(undefined, '', { function: '(root)', file: null, line: null })
  const idle = child(root, 'idle', { function: '(idle)', file: null, line: null })
  const samples: number[] = []
  const timeDeltas: number[] = []
  const startUs = (thread.samples[0]?.timeNs ?? 0) / 1000
  let atUs = startUs
  const add = (node: CpuProfileNode, timeUs: number): void => {
    samples.push(node.id)
    timeDeltas.push(Math.max(0, Math.round(timeUs - atUs)))
    atUs = Math.max(atUs, timeUs)
    node.hitCount = (node.hitCount ?? 0) + 1
  }
  let endUs = startUs
  for (const sample of thread.samples) {
    const timeUs = sample.timeNs / 1000
    // What was left out: idle time, or samples that the filter took away.
    if (timeUs > endUs + 1 && samples.length > 0) add(idle, endUs)
    let node = root
    let path = ''
    for (const frame of sample.frames) node = child(node, (path += ` ${frame}`), frames.get(frame) ?? UNKNOWN)
    add(node, timeUs)
    endUs = timeUs + sample.us
  }
  return { nodes, startTime: 0, endTime: Math.round(endUs - startUs), samples, timeDeltas }
}

const UNKNOWN: FlameFrame = { function: '(unknown)', file: null, line: null }

function callFrame({ function: name, file, line }: FlameFrame): CpuProfileNode['callFrame'] {
  return { functionName: name, scriptId: '0', url: file ?? '', lineNumber: (line ?? 0) - 1, columnNumber: -1 }
}
