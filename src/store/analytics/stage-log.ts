import type { Block } from '../codec/block.ts'
import type { Staging } from './staging.ts'
import type { WallClock } from './wall-clock.ts'

/** Stages one line of a log; of the writer's own ones, which have no time, the block's. */
export function stageLog(staging: Staging, clock: WallClock, value: unknown, process: number, block: Block): void {
  const { t, level, message, spanId, traceId, attributes } = value as Record<string, unknown>
  const isJoined =
    typeof spanId === 'string' && typeof traceId === 'string' && /^[0-9a-f]{16}$/.test(spanId) && /^[0-9a-f]{32}$/.test(traceId)
  staging
    .table('logs')
    .add(
      process,
      block.thread,
      clock.wallNs(typeof t === 'number' ? t : block.anchor.monoNs),
      typeof level === 'string' ? level : null,
      typeof message === 'string' ? message : null,
      isJoined ? BigInt(`0x${spanId}`) : null,
      isJoined ? BigInt(`0x${traceId.slice(0, 16)}`) : 0n,
      isJoined ? BigInt(`0x${traceId.slice(16)}`) : 0n,
      attributes === undefined ? null : JSON.stringify(attributes),
    )
}
