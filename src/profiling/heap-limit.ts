const OPTION = /^--max[-_]old[-_]space[-_]size(?:=(\d+))?$/

/**
 * The size in bytes at which a heap is full. V8's own `heap_size_limit` counts room for new objects, too (192 MB on Node 24), of which
 * `--max-old-space-size` says nothing: a process with 100 MB dies at 100 MB, and V8 says 292.
 * @param heapSizeLimit `heap_size_limit` of `v8.getHeapStatistics()`
 * @param execArgv options of the command line; those of `nodeOptions` (NODE_OPTIONS) come before them, and the last one counts
 */
export function heapLimitOf(heapSizeLimit: number, execArgv: readonly string[], nodeOptions = ''): number {
  const options = [...nodeOptions.split(/\s+/), ...execArgv]
  let megabytes = 0
  for (const [i, option] of options.entries()) {
    const match = OPTION.exec(option)
    if (match !== null) megabytes = Number(match[1] ?? options[i + 1]) || 0
  }
  return megabytes > 0 ? Math.min(heapSizeLimit, megabytes * 1024 * 1024) : heapSizeLimit
}
