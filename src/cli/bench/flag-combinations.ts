import { UsageError } from '../../errors.ts'

/** A switch of the app: an environment variable and its two values; `off` undefined: not set. */
export interface Flag {
  name: string
  on: string
  off: string | undefined
}

/** One combination: which flags are on, and the environment for it. */
export interface Combination {
  on: boolean[]
  environment: Record<string, string | undefined>
  /** As in `PERF_FLAGS`: `CACHE=1,BATCH=0`. */
  text: string
}

const MOST_FLAGS = 6

/** Reads `CACHE,BATCH=yes/no,FAST=1/`: by default 1 and 0; nothing behind the slash: off is unset. Throws a `UsageError`. */
export function parseFlags(text: string): Flag[] {
  const flags = text.split(',').map((part): Flag => {
    const [, name = '', values] = /^\s*([A-Za-z_]\w*)\s*(?:=(.*))?$/.exec(part) ?? []
    if (name === '') throw new UsageError(`'${part}' is no name of an environment variable; write --flags CACHE,BATCH or CACHE=yes/no.`)
    if (values === undefined) return { name, on: '1', off: '0' }
    const at = values.indexOf('/')
    if (at < 1) throw new UsageError(`'${part}' must give both values, e.g. ${name}=yes/no, or ${name}=yes/ for unset.`)
    const off = values.slice(at + 1).trim()
    return { name, on: values.slice(0, at).trim(), off: off === '' ? undefined : off }
  })
  const twice = flags.find(({ name }, i) => flags.findIndex((other) => other.name === name) !== i)
  if (twice !== undefined) throw new UsageError(`--flags names ${twice.name} twice.`)
  if (flags.length > MOST_FLAGS)
    throw new UsageError(`--flags takes ${MOST_FLAGS} flags at most: ${flags.length} have ${2 ** flags.length} combinations.`)
  return flags
}

/** Every combination, all off first; the first flag changes fastest. */
export function combinationsOf(flags: readonly Flag[]): Combination[] {
  return Array.from({ length: 2 ** flags.length }, (_, number) => {
    const on = flags.map((_flag, i) => Math.floor(number / 2 ** i) % 2 === 1)
    const values = flags.map((flag, i) => (on[i] === true ? flag.on : flag.off))
    return {
      on,
      environment: Object.fromEntries(flags.map(({ name }, i) => [name, values[i]])),
      text: flags.map(({ name }, i) => `${name}=${values[i] ?? ''}`).join(','),
    }
  })
}
