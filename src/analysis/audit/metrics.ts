/** Where a metric is read: spans (or traces), AI calls, measurements of the process, caches, findings. */
export type MetricSource = 'calls' | 'ai' | 'process' | 'caches' | 'findings'

/** One thing a threshold can be set on. */
export interface Metric {
  source: MetricSource
  /** Unit of its values, as in `Violation`. */
  unit: string
  /** One sentence for the schema and the documentation. */
  about: string
}

/** Every metric by its name in perf.config.json. */
export const METRICS = {
  p50_ms: { source: 'calls', unit: 'ms', about: 'Median duration in milliseconds.' },
  p95_ms: { source: 'calls', unit: 'ms', about: 'Duration that 95 % of the calls stay below.' },
  p99_ms: { source: 'calls', unit: 'ms', about: 'Duration that 99 % of the calls stay below.' },
  mean_ms: { source: 'calls', unit: 'ms', about: 'Mean duration.' },
  max_ms: { source: 'calls', unit: 'ms', about: 'The longest duration.' },
  total_ms: { source: 'calls', unit: 'ms', about: 'Sum of the durations in the session.' },
  self_cpu_ms: { source: 'calls', unit: 'ms', about: 'CPU of their own code per call; needs PERF_CPU.' },
  error_rate: { source: 'calls', unit: 'share', about: 'Share of the calls that failed, 0 to 1.' },
  success_rate: { source: 'calls', unit: 'share', about: 'Share of the calls that did not fail, 0 to 1.' },
  calls: { source: 'calls', unit: 'calls', about: 'Number of calls in the session.' },
  calls_per_trace: { source: 'calls', unit: 'calls', about: 'Most calls in one trace; of traces: most spans in one.' },
  tokens: { source: 'ai', unit: 'tokens', about: 'Input and output tokens of the session.' },
  tokens_per_call: { source: 'ai', unit: 'tokens', about: 'Input and output tokens of a call, on average.' },
  input_tokens_per_call: { source: 'ai', unit: 'tokens', about: 'Input tokens of a call, on average.' },
  output_tokens_per_call: { source: 'ai', unit: 'tokens', about: 'Output tokens of a call, on average.' },
  cost_usd: { source: 'ai', unit: 'usd', about: 'US dollars of the session.' },
  cost_usd_per_call: { source: 'ai', unit: 'usd', about: 'US dollars of a call, on average over those whose price is known.' },
  first_token_p95_ms: { source: 'ai', unit: 'ms', about: 'Time to the first token of streams that 95 % stay below.' },
  heap_peak_mb: { source: 'process', unit: 'MB', about: 'Most heap in use in one process, in MB of 1,048,576 bytes.' },
  rss_peak_mb: { source: 'process', unit: 'MB', about: 'Most memory of one process (resident set).' },
  event_loop_delay_p99_ms: {
    source: 'process',
    unit: 'ms',
    about: 'Delay of the event loop, 99th percentile of the worst second but 1 %.',
  },
  event_loop_delay_max_ms: { source: 'process', unit: 'ms', about: 'Longest delay of the event loop.' },
  cache_hit_rate: { source: 'caches', unit: 'share', about: 'Hits by reads, 0 to 1; `name` is the name of the cache.' },
  findings: { source: 'findings', unit: 'findings', about: 'Number of findings of `severity` or worse; `name` is their kind.' },
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof METRICS
