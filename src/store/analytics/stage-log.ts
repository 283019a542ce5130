import type { Block } from '../codec/block.ts'
import type { Staging } from './staging.ts'
import type { WallClock } from './wall-clock.ts'

/** Stages one line of a log; of the writer's own ones, which have no time, the block's. */
export function stageLog(staging: Staging, clock: WallClock, value: unknown, process: number, block: Block): void {
  const { t, level, message, spanId, traceId, attributes } = value as Record<string, unknown>
  const span = typeof spanId === 'string' && /^[0-9a-f]{16}$/.test(spanId) ? spanId : undefined
  const trace = typeof traceId === 'string' && /^[0-9a-f]{32}$/.test(traceId) ? traceId : undefined
  staging
    .table('logs')
    .add(
      process,
      block.thread,
      clock.wallNs(typeof t === 'number' ? t : block.anchor.monoNs),
      typeof level === 'string' ? level : null,
      typeof message === 'string' ? message : null,
      span === undefined ? null : BigInt(`0x${span}`),
      trace === undefined ? 0n : BigInt(`0x${trace.slice(0, 16)}`),
      trace === undefined ? 0n : BigInt(`0x${trace.slice(16)}`),
      attributes === undefined ? null : JSON.stringify(attributes),
    )
}
