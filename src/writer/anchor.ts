import { nowNs } from '../core/clock.ts'
import type { Anchor } from '../store/codec/block.ts'

// One anchor for as long as the two clocks agree, so that times of different blocks compare exactly; a wall clock that
// was set (forwards or back) gives a new one.

const MAX_DRIFT_MS = 50
let anchor: Anchor | undefined

/** Ties the monotonic clock to wall time. */
export function wallAnchor(): Anchor {
  const monoNs = nowNs()
  const wallMs = Date.now()
  if (anchor === undefined || Math.abs(anchor.wallMs + (monoNs - anchor.monoNs) / 1e6 - wallMs) > MAX_DRIFT_MS) anchor = { monoNs, wallMs }
  return anchor
}
