import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { UsageError } from '../../errors.ts'
import { builtInScorers, type BuiltIn } from './built-in.ts'
import type { Scorer } from './scorer.ts'

/** Scorers of the user's own: a file, which of its exports (all when empty), and their weight. */
export interface ModuleScorers {
  file: string
  names: string[]
  weight: number
  /** How often each of its scorers gave no answer at all; over all sessions of a run. */
  losses: Map<string, number>
}

/** What `PERF_SCORERS` asks for. */
export interface ScorerSpec {
  builtIn: Scorer[]
  modules: ModuleScorers[]
  /** Changes when anything changes that scores depend on. */
  key: string
}

/**
 * Reads `PERF_SCORERS`: names of built-in scorers and paths of modules, separated by commas, each with `:weight` if not 1 and, where a scorer takes
 * one, an argument in parentheses: `default, latency(2s):0.5, ./scorers.js#tone:3`. `default`, or nothing, stands for those that need no argument.
 * Throws `UsageError`.
 */
export function readScorerSpec(text: string, cwd: string): ScorerSpec {
  const builtIn = new Map<string, Scorer>()
  const modules: ModuleScorers[] = []
  const entries = text
    .split(/,(?![^(]*\))/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  for (const entry of entries.length === 0 ? ['default'] : entries) {
    const [, what = '', weightText] = /^(.*?)(?::(\d+(?:\.\d+)?))?$/s.exec(entry) ?? []
    const weight = weightText === undefined ? undefined : Number(weightText)
    if (what === 'default') {
      for (const one of builtInScorers) if (one.byDefault) builtIn.set(one.name, scorerOf(one, one.argument, (weight ?? 1) * one.weight))
    } else if (/[\\/.]/.test(what.replace(/\(.*\)$/, ''))) modules.push(moduleOf(what, weight ?? 1, cwd))
    else {
      const scorer = namedScorer(what, weight)
      builtIn.set(scorer.name, scorer)
    }
  }
  const contents = modules.map(({ file }) => readFileSync(file, 'utf8'))
  return { builtIn: [...builtIn.values()], modules, key: createHash('sha256').update(JSON.stringify([VERSION, entries, contents])).digest('hex').slice(0, 16) } // prettier-ignore
}

/** Changes with what the built-in scorers say, so that kept scores are computed anew. */
const VERSION = 1

function namedScorer(text: string, weight: number | undefined): Scorer {
  const [, name = '', argument] = /^([\w-]+)(?:\((.*)\))?$/.exec(text) ?? []
  const found = builtInScorers.find((one) => one.name === name)
  if (found === undefined)
    throw new UsageError(
      `PERF_SCORERS: there is no scorer '${text}'; there are ${builtInScorers.map((one) => one.name).join(', ')}, and paths of modules (./scorers.js).`,
    )
  return scorerOf(found, argument ?? found.argument, weight ?? found.weight)
}

function scorerOf(found: BuiltIn, argument: string | undefined, weight: number): Scorer {
  const judge = found.make(argument)
  if (judge === undefined) throw new UsageError(`PERF_SCORERS: '${found.name}' needs ${found.expects ?? 'no argument'}.`)
  return { name: found.name, weight, judge }
}

function moduleOf(text: string, weight: number, cwd: string): ModuleScorers {
  const [relative = '', names = ''] = text.split('#')
  const file = path.resolve(cwd, relative)
  if (!existsSync(file)) throw new UsageError(`PERF_SCORERS: there is no file ${relative}.`)
  return { file, names: names.split('+').filter((name) => name !== '' && name !== '*'), weight, losses: new Map() }
}
