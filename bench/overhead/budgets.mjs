import { median, pairwise } from '../statistics.mjs'

const isOlderNode = (major) => major < 24

/**
 * DESIGN.md's budget table, one row per thing measured here. `limit` may depend on the Node major; `measure` takes the figures of
 * this project and of the bare run on one Node version and gives the value to compare, or null where it was not measured.
 */
const budgets = [
  { what: 'hello: added CPU per request', unit: 'µs', limit: () => 10, measure: cpuDifference('hello') },
  { what: 'sql: CPU per request, times bare', unit: '×', limit: (major) => (isOlderNode(major) ? 1.1 : 1.05), measure: cpuRatio('sql') },
  { what: 'ai: CPU per request, times bare', unit: '×', limit: (major) => (isOlderNode(major) ? 1.1 : 1.05), measure: cpuRatio('ai') },
  ...['hello', 'sql', 'ai'].map((route) => ({
    what: `${route}: requests/s kept`,
    unit: '×',
    atLeast: true,
    limit: () => 0.95,
    measure: (perf, bare) => compared(perf, bare, ({ routes }) => routes[route]?.requestsPerSecond, ratio),
  })),
  {
    what: 'start-up added to the first line',
    unit: 'ms',
    limit: (major) => (major < 22 ? 60 : 40),
    measure: (perf, bare) => compared(perf, bare, ({ start }) => start.firstLineMs, difference),
  },
  {
    what: 'start-up added to hello world',
    unit: 'ms',
    limit: (major) => (major < 22 ? 80 : 60),
    measure: (perf, bare) => compared(perf, bare, ({ start }) => start.helloWorldMs, difference),
  },
  {
    what: 'added RSS, idle',
    unit: 'MB',
    limit: () => 30,
    measure: (perf, bare) => compared(perf, bare, ({ idleMemory }) => idleMemory?.map(rssOf), difference),
  },
  {
    what: 'added RSS at 10,000 spans/s',
    unit: 'MB',
    limit: () => 48,
    measure: (perf, bare) => compared(perf, bare, ({ steady }) => steady?.map(({ memory }) => memory.rss), difference),
  },
  {
    what: 'idle CPU, added',
    unit: '% of a core',
    limit: () => 0.5,
    measure: (perf, bare) => compared(perf, bare, ({ idleCpuPercent }) => idleCpuPercent && [idleCpuPercent], difference),
  },
]

/** @returns one row per budget and Node version: `{ what, unit, node, limit, value, isMet }`; `value` and `isMet` are null where not measured */
export function judge(nodes) {
  return Object.entries(nodes).flatMap(([major, { figures }]) =>
    budgets.map(({ what, unit, atLeast = false, limit, measure }) => {
      const bound = limit(Number(major))
      const value = figures.perf && figures.bare ? measure(figures.perf, figures.bare) : null
      const isMet = value === null ? null : atLeast ? value >= bound : value <= bound
      return { what, unit, node: Number(major), atLeast, limit: bound, value, isMet }
    }),
  )
}

/** The median over the rounds of what two variants, measured side by side, differ by. */
export function compared(figures, baseline, pick, compare) {
  const [values, baselineValues] = [pick(figures) ?? [], pick(baseline) ?? []]
  return median(pairwise(values, baselineValues, compare))
}

export const ratio = (value, baseline) => value / baseline
export const difference = (value, baseline) => value - baseline

const rssOf = ({ rss }) => rss

function cpuRatio(route) {
  return (perf, bare) => compared(perf, bare, ({ routes }) => routes[route]?.cpuUs, ratio)
}

function cpuDifference(route) {
  return (perf, bare) => compared(perf, bare, ({ routes }) => routes[route]?.cpuUs, difference)
}
