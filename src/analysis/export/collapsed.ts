import type { FlameData, FlameFrame } from '../cpu/flame-data.ts'
import { placeOf } from '../cpu/flame-tree.ts'

/** Collapsed stacks (`a;b;c 120`), for flamegraph.pl and its kin; the number is microseconds. */
export function toCollapsed(flame: FlameData): string {
  const lines = new Map<string, number>()
  for (const { frames, us } of flame.stacks) {
    const stack = frames.map((frame) => nameOf(flame.frames.get(frame))).join(';')
    lines.set(stack, (lines.get(stack) ?? 0) + us)
  }
  return [...lines].map(([stack, us]) => `${stack} ${Math.round(us)}\n`).join('')
}

function nameOf(frame: FlameFrame | undefined): string {
  if (frame === undefined) return '(unknown)'
  const place = placeOf(frame)
  return (place === undefined ? frame.function : `${frame.function} (${place})`).replaceAll(';', ',').replace(/\s+/g, ' ')
}
