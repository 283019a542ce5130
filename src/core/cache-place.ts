import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatsStacksAsAtStart } from './stack-format.ts'

const FRAMES = 16
/** A program that makes caches by the thousand does not pay for thousands of stacks. */
const MAX_PLACES = 500
let looked = 0

/**
 * Where the app uses a cache: `src/users.js:12`, or the name of the package that does. Undefined when that cannot be told without running code of the
 * app. Costs a stack (about 10 µs), so it is for the first use of an instance.
 */
export function placeOfUse(library: string): string | undefined {
  // Reading a stack would run the app's own formatting.
  if (looked >= MAX_PLACES || !formatsStacksAsAtStart()) return undefined
  looked++
  const holder: { stack?: string } = {}
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = FRAMES
  Error.captureStackTrace(holder)
  Error.stackTraceLimit = stackTraceLimit
  for (const line of holder.stack?.split('\n').slice(1) ?? []) {
    const place = placeIn(line, library)
    if (place !== undefined) return place
  }
  return undefined
}

/** `    at get (file:///app/src/users.js:12:5)` */
function placeIn(frame: string, library: string): string | undefined {
  const match = /(?:\(|at )((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]*?):(\d+):\d+\)?$/.exec(frame)
  if (match?.[1] === undefined) return undefined
  const file = match[1].startsWith('file:') ? fileURLToPath(match[1].replace(/[?#].*$/, '')) : match[1]
  const inner = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file)?.[1]?.replace('\\', '/')
  if (inner !== undefined) return inner === library ? undefined : inner
  return `${path.relative(process.cwd(), file).replaceAll('\\', '/')}:${match[2]}`
}
