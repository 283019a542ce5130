import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { findNode } from '../overhead/nodes.mjs'
import { printVerdicts } from '../verdicts.mjs'
import { judgeSpans, measureSpans } from './measure-span.mjs'
import { judgeStore, measureStore } from './measure-store.mjs'

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url))

const help = `node bench/micro/run.mjs [options]
  --nodes 20,22,24,26   Node majors for spans and wrappers (the store runs on the Node that runs this)
  --parts span,store    which benchmarks
  --repeats 3           repetitions; medians and raw values are kept
  --out file            where the results go (a run of everything: bench/results/micro.json)
Exit code: 0 all budgets met, 1 a budget missed, 2 wrong use.`

const defaults = { nodes: '20,22,24,26', parts: 'span,store', repeats: '3' }

/** @returns {Promise<number>} the exit code */
export async function runMicro(commandArguments) {
  const options = {
    nodes: { type: 'string' },
    parts: { type: 'string' },
    repeats: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  }
  let given
  try {
    given = parseArgs({ args: commandArguments, options }).values
  } catch (error) {
    return print(`${error.message}\n${help}`, 2)
  }
  if (given.help) return print(help, 0)
  const chosen = { ...defaults, ...given }
  const parts = chosen.parts.split(',')
  const majors = chosen.nodes.split(',').map(Number)
  const repeats = Number(chosen.repeats)
  const unknownPart = parts.find((part) => part !== 'span' && part !== 'store')
  if (unknownPart !== undefined) return print(`Unknown part "${unknownPart}".\n${help}`, 2)
  if (!majors.every(Number.isInteger) || !(repeats >= 1)) return print(`--nodes and --repeats take numbers.\n${help}`, 2)

  const results = { kind: 'micro', ...describeRun(), options: { nodes: majors, parts, repeats } }
  console.log(describeRunInOneLine(results))
  if (parts.includes('span')) results.span = await measureSpans({ nodes: majors.map(findNode), repeats })
  if (parts.includes('store'))
    results.store = await measureStore({ spans: 1_000_000, smallSpans: 100_000, repeats: repeats, queryRepeats: 20, report })
  report('')
  results.verdicts = [...(results.span ? judgeSpans(results.span) : []), ...(results.store ? judgeStore(results.store) : [])]
  printVerdicts(results.verdicts)

  const isComplete = given.nodes === undefined && given.parts === undefined
  const out = given.out ?? join(repositoryRoot, ...(isComplete ? ['bench', 'results'] : ['.cache', 'bench-micro']), 'micro.json')
  await mkdir(dirname(out), { recursive: true })
  await writeFile(out, JSON.stringify(results, roundNumber, 1) + '\n')
  console.log(`\nwritten to ${relative(process.cwd(), out)} after ${Math.round(performance.now() / 1000)} s`)
  return results.verdicts.some(({ isMet }) => isMet === false) ? 1 : 0
}

const roundNumber = (_key, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value)

function report(text) {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
}

function print(text, exitCode) {
  console.log(text)
  return exitCode
}
