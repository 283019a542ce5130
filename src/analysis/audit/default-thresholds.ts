import type { Threshold } from './threshold.ts'

/** What holds where perf.config.json names no thresholds: what is slow or fails for most services. Docs: docs/audit.md. */
export const DEFAULT_THRESHOLDS: readonly Threshold[] = [
  { id: 'requests-fail', layer: 'http', kind: 'server', per: 'name', metric: 'error_rate', max: 0.05, min_calls: 20 },
  { id: 'tools-fail', layer: 'tool', per: 'name', metric: 'error_rate', max: 0.1, min_calls: 20 },
  { id: 'ai-calls-fail', layer: 'ai', per: 'name', metric: 'error_rate', max: 0.1, min_calls: 20 },
  { id: 'queries-fail', layer: 'db', per: 'name', metric: 'error_rate', max: 0.05, min_calls: 20 },
  { id: 'slow-requests', layer: 'http', kind: 'server', per: 'name', metric: 'p95_ms', max: 1000, min_calls: 20, level: 'warn' },
  { id: 'slow-queries', layer: 'db', per: 'name', metric: 'p95_ms', max: 200, min_calls: 20, level: 'warn' },
  { id: 'slow-tools', layer: 'tool', per: 'name', metric: 'p95_ms', max: 10_000, min_calls: 20, level: 'warn' },
  { id: 'slow-ai-calls', layer: 'ai', per: 'name', metric: 'p95_ms', max: 30_000, min_calls: 20, level: 'warn' },
  { id: 'queries-per-trace', layer: 'db', per: 'name', metric: 'calls_per_trace', max: 30, level: 'warn' },
  { id: 'blocked-event-loop', metric: 'event_loop_delay_max_ms', max: 500, level: 'warn' },
  { metric: 'findings', severity: 'high', max: 0, level: 'warn' },
]
