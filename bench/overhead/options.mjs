import { parseArgs } from 'node:util'
import { variants as allVariants } from './variants.mjs'

const allRoutes = ['hello', 'sql', 'ai']

const help = `node bench/overhead/run.mjs [options]
  --nodes 20,22,24,26   Node majors; installed into .cache/nodes/<major> when missing
  --variants bare,perf  of: ${allVariants.map(({ name }) => name).join(', ')}; bare is always among them
  --routes hello,sql    of: ${allRoutes.join(', ')}
  --rounds 3            fresh processes per round, order of variants turned every round
  --seconds 1.5         measured time per variant, route and round, after 1 to 2 s of warm-up
  --warm-up 10          so many seconds of warm-up instead: V8 goes on compiling for some 20,000 requests
  --out file            where the results go (a run of everything: bench/results/overhead.json)
  --quick               one short round on Node 24, under two minutes
Needs PostgreSQL (127.0.0.1:5432, database "test", or DATABASE_URL) and Redis (127.0.0.1:6379 or REDIS_URL).
Exit code: 0 all budgets met, 1 a budget missed or a variant refused, 2 wrong use or a service missing.`

const defaults = {
  nodes: '20,22,24,26',
  variants: allVariants.map(({ name }) => name).join(','),
  routes: allRoutes.join(','),
  rounds: '3',
  seconds: '1.5',
}
const quickDefaults = { ...defaults, nodes: '24', rounds: '1', seconds: '1' }

/** @returns the options, or `{ help }` / `{ error }` with the text to print */
export function readOptions(commandArguments) {
  let given
  try {
    given = parseArgs({ args: commandArguments, options: optionTypes }).values
  } catch (error) {
    return { error: `${error.message}\n${help}` }
  }
  if (given.help) return { help }
  const chosen = { ...(given.quick ? quickDefaults : defaults), ...given }
  const names = chosen.variants.split(',')
  const options = {
    nodes: chosen.nodes.split(',').map(Number),
    variants: allVariants.filter(({ name }) => name === 'bare' || names.includes(name)),
    routes: chosen.routes.split(','),
    rounds: Number(chosen.rounds),
    measuredMs: Number(chosen.seconds) * 1000,
    warmUp: warmUpOf(given),
    starts: given.quick ? 3 : 5,
    idleSeconds: 10,
    steadySeconds: 3,
    steadyRounds: given.quick ? 1 : 2,
    out: given.out,
    isComplete: ['nodes', 'variants', 'routes', 'quick', 'warm-up'].every((name) => given[name] === undefined),
  }
  const error = findError(options, names)
  return error ? { error: `${error}\n${help}` } : options
}

const optionTypes = {
  nodes: { type: 'string' },
  variants: { type: 'string' },
  routes: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  'warm-up': { type: 'string' },
  out: { type: 'string' },
  quick: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
}

function warmUpOf({ quick, 'warm-up': seconds }) {
  if (seconds !== undefined) return { requests: 0, atLeastMs: Number(seconds) * 1000, atMostMs: Number(seconds) * 1000 }
  return quick ? { requests: 1500, atLeastMs: 700, atMostMs: 1500 } : { requests: 2500, atLeastMs: 1000, atMostMs: 2000 }
}

function findError({ nodes, routes, rounds, measuredMs, warmUp }, variantNames) {
  const unknownVariant = variantNames.find((name) => !allVariants.some((variant) => variant.name === name))
  if (unknownVariant !== undefined) return `Unknown variant "${unknownVariant}".`
  const unknownRoute = routes.find((route) => !allRoutes.includes(route))
  if (unknownRoute !== undefined) return `Unknown route "${unknownRoute}".`
  if (!nodes.every((major) => Number.isInteger(major) && major >= 20)) return '--nodes takes majors from 20 on.'
  if (!(rounds >= 1) || !(measuredMs > 0) || !(warmUp.atLeastMs > 0)) return '--rounds, --seconds and --warm-up take positive numbers.'
  return null
}
