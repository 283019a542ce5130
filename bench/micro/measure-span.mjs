import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median, pairwise } from '../statistics.mjs'
import { bundleSubject } from './subject.mjs'

/** What one span and one idle wrapper cost, over the same call without them; `limitNs` is the budget where there is one. */
const costs = [
  { what: 'one span, no attributes', of: 'a call in a span', over: 'a plain call', limitNs: 1000 },
  { what: 'one span, four attributes', of: 'a call in a span, four attributes', over: 'a plain call', limitNs: 1000 },
  {
    what: 'one span, four attributes, inside another span',
    of: 'a call in a span, four attributes, inside another span',
    over: 'a plain call',
    limitNs: 1000,
  },
  {
    what: 'one span over an awaited promise, four attributes',
    of: 'an awaited call in a span, four attributes',
    over: 'an awaited call',
    limitNs: 1000,
  },
  { what: 'one line of a log, inside a span', of: 'a line of a log, recorded', over: 'a line of a log', limitNs: 1000 },
  { what: 'a wrapper while recording is off', of: 'a wrapped call, recording off', over: 'a plain call', limitNs: null },
  { what: 'span() of the API without the agent', of: 'span() of the API without the agent', over: 'a plain call', limitNs: 5 },
]

const subjects = {
  'src/core/ring.ts': ['Ring', 'MAIN_RING'],
  'src/core/recorder.ts': ['Recorder'],
  'src/core/ids.ts': ['seedIds'],
  'src/core/context.ts': ['runWith'],
  'src/core/log.ts': ['wrapLog'],
  'src/core/wrap.ts': ['wrapTarget'],
  'src/api.ts': ['span'],
}

/** @returns per Node major `{ version, nanoseconds }`: raw values by case */
export async function measureSpans({ nodes, repeats }) {
  const subject = await bundleSubject('span', subjects)
  const script = fileURLToPath(new URL('span.mjs', import.meta.url))
  const results = {}
  for (const { major, binary } of nodes) {
    const { stdout } = await promisify(execFile)(binary, [script, subject, String(repeats)])
    const { node, nanoseconds } = JSON.parse(stdout)
    results[major] = { version: node, nanoseconds }
  }
  return results
}

/** One row per cost and Node version. */
export function judgeSpans(results) {
  return costs.flatMap(({ what, of, over, limitNs }) =>
    Object.entries(results).map(([major, { nanoseconds }]) => {
      const value = median(pairwise(nanoseconds[of], nanoseconds[over], (ns, baselineNs) => ns - baselineNs))
      return {
        what,
        unit: 'ns',
        node: Number(major),
        atLeast: false,
        limit: limitNs,
        value,
        isMet: limitNs === null ? null : value <= limitNs,
      }
    }),
  )
}
