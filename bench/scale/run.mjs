// A large session through the CLI: `node bench/scale/run.mjs --spans 1000000,5000000`. See `--help`.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { printVerdicts } from '../verdicts.mjs'
import { judgeScale, measureScale } from './measure.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const help = `node bench/scale/run.mjs [options]   (after npm run build)
  --spans 1000000,5000000   sizes of the sessions; the budgets are for 5 million
  --keep                    leave the sessions in .cache/bench-scale
  --out file                where the results go (the usual sizes: bench/results/scale.json)
Exit code: 0 all budgets met, 1 a budget missed, 2 wrong use.`
const USUAL = '1000000,5000000'

const roundNumber = (_key, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value)

process.exitCode = await run(process.argv.slice(2))

async function run(args) {
  const options = { spans: { type: 'string' }, keep: { type: 'boolean' }, out: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
  let given
  try {
    given = parseArgs({ args, options }).values
  } catch (error) {
    return print(`${error.message}\n${help}`, 2)
  }
  if (given.help) return print(help, 0)
  const sizes = (given.spans ?? USUAL).split(',').map(Number)
  if (!sizes.every((size) => Number.isInteger(size) && size > 0)) return print(`--spans takes whole numbers.\n${help}`, 2)
  const results = { kind: 'scale', ...describeRun(), options: { sizes }, runs: [] }
  console.log(describeRunInOneLine(results))
  for (const spans of sizes) results.runs.push(await measureScale({ spans, keep: given.keep === true, report: console.log }))
  results.verdicts = judgeScale(results.runs)
  printVerdicts(results.verdicts)
  const usual = (given.spans ?? USUAL) === USUAL
  const out = given.out ?? join(root, ...(usual ? ['bench', 'results'] : ['.cache', 'bench-scale']), 'scale.json')
  await mkdir(dirname(out), { recursive: true })
  await writeFile(out, JSON.stringify(results, roundNumber, 1) + '\n')
  console.log(`\nwritten to ${relative(process.cwd(), out)} after ${Math.round(performance.now() / 1000)} s`)
  return results.verdicts.some(({ isMet }) => isMet === false) ? 1 : 0
}

function print(text, exitCode) {
  console.log(text)
  return exitCode
}
