/** Units (UCUM, as OpenTelemetry writes them) of every metric that is recorded; names of ours start with `perf.`. */
export const METRIC_UNITS: Readonly<Record<string, string>> = {
  'process.cpu.time': 's',
  'process.cpu.utilization': '1',
  'process.memory.usage': 'By',
  'process.disk.io': 'By',
  'process.thread.count': '{thread}',
  'process.unix.file_descriptor.count': '{file_descriptor}',
  'process.context_switches': '{context_switch}',
  'process.paging.faults': '{fault}',
  'perf.process.memory.peak': 'By',
  'perf.process.socket.count': '{socket}',
  'system.network.io': 'By',
  'system.cpu.load_average.1m': '{thread}',
  'system.cpu.logical.count': '{cpu}',
  'system.memory.usage': 'By',
  'perf.cgroup.memory.limit': 'By',
  'perf.cgroup.memory.usage': 'By',
  'perf.cgroup.cpu.limit': '{cpu}',
  'perf.cgroup.cpu.throttled.time': 's',
  'perf.cgroup.cpu.throttled.periods': '{period}',
  'v8js.memory.heap.used': 'By',
  'v8js.memory.heap.space.size': 'By',
  'v8js.memory.heap.space.available_size': 'By',
  'v8js.memory.heap.space.physical_size': 'By',
  'perf.memory.heap.used': 'By',
  'perf.memory.heap.total': 'By',
  'perf.memory.heap.limit': 'By',
  'perf.memory.external': 'By',
  'perf.memory.array_buffers': 'By',
  'perf.memory.malloced': 'By',
  'perf.memory.detached_contexts': '{context}',
  'nodejs.eventloop.utilization': '1',
  'nodejs.eventloop.time': 's',
  'nodejs.eventloop.delay.min': 's',
  'nodejs.eventloop.delay.max': 's',
  'nodejs.eventloop.delay.mean': 's',
  'nodejs.eventloop.delay.p50': 's',
  'nodejs.eventloop.delay.p90': 's',
  'nodejs.eventloop.delay.p99': 's',
  'perf.thread.heap.used': 'By',
  'perf.thread.heap.total': 'By',
  'perf.thread.heap.limit': 'By',
  'perf.thread.external': 'By',
  'perf.thread.array_buffers': 'By',
  'perf.thread.eventloop.utilization': '1',
  'perf.thread.eventloop.delay.min': 's',
  'perf.thread.eventloop.delay.max': 's',
  'perf.thread.eventloop.delay.mean': 's',
  'perf.thread.eventloop.delay.p50': 's',
  'perf.thread.eventloop.delay.p90': 's',
  'perf.thread.eventloop.delay.p99': 's',
  'perf.gc.lost': '{collection}',
  'perf.cache.hits': '{operation}',
  'perf.cache.misses': '{operation}',
  'perf.cache.sets': '{operation}',
  'perf.cache.deletes': '{operation}',
  'perf.cache.evictions': '{entry}',
  'perf.cache.entries': '{entry}',
  'perf.cache.max_entries': '{entry}',
}

/** One series of a metric in a `metrics` fact: its name and, behind bars, its attributes (`process.cpu.time|cpu.mode=user`). */
export function seriesKey(name: string, attributes?: Readonly<Record<string, string>>): string {
  return attributes === undefined ? name : [name, ...Object.entries(attributes).map(([key, value]) => `${key}=${value}`)].join('|')
}

/** What `seriesKey` put together. */
export function parseSeriesKey(key: string): { name: string; unit: string; attributes: Record<string, string> | undefined } {
  const [name = '', ...pairs] = key.split('|')
  const attributes = pairs.length === 0 ? undefined : Object.fromEntries(pairs.map((pair) => splitOnce(pair)))
  return { name, unit: METRIC_UNITS[name] ?? '', attributes }
}

function splitOnce(pair: string): [string, string] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
}
