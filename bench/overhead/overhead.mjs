import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { printVerdicts } from '../verdicts.mjs'
import { VariantFailure } from './app-process.mjs'
import { judge } from './budgets.mjs'
import { measureIdle, measureLoadRound, measureStart, measureSteadyRate, scratchFolders } from './measure.mjs'
import { findNode } from './nodes.mjs'
import { readOptions } from './options.mjs'
import { benchRoot, repositoryRoot } from './paths.mjs'
import { printFigures } from './print.mjs'
import { proveRecording } from './proof.mjs'
import { MissingServiceError, startServices } from './services.mjs'

const spansPerSecond = 10_000
/** One request, two SQL, two Redis. */
const spansPerSqlRequest = 5

/** @returns {Promise<number>} the exit code */
export async function runOverhead(commandArguments) {
  const options = readOptions(commandArguments)
  if (options.help) return print(options.help, 0)
  if (options.error) return print(options.error, 2)
  let services
  try {
    services = await startServices()
  } catch (error) {
    if (error instanceof MissingServiceError) return print(error.message, 2)
    throw error
  }
  const cache = join(repositoryRoot, '.cache', 'bench-overhead')
  await mkdir(cache, { recursive: true })
  const scratch = await scratchFolders(cache)
  try {
    const results = await measureEverything({ options, services, newFolder: scratch.newFolder })
    printFigures(results)
    printVerdicts(results.verdicts)
    const out = options.out ?? join(options.isComplete ? join(repositoryRoot, 'bench', 'results') : cache, 'overhead.json')
    await mkdir(dirname(out), { recursive: true })
    await writeFile(out, JSON.stringify(results, roundNumber, 1) + '\n')
    console.log(`\nwritten to ${relative(process.cwd(), out)} after ${Math.round(performance.now() / 1000)} s`)
    const isRefused = Object.values(results.nodes).some(({ proofs }) => Object.values(proofs).some(({ refused }) => refused))
    return isRefused || results.verdicts.some(({ isMet }) => isMet === false) ? 1 : 0
  } finally {
    services.stop()
    await scratch.remove()
  }
}

async function measureEverything({ options, services, newFolder }) {
  const run = describeRun()
  console.log(describeRunInOneLine(run))
  const { variants: chosen, ...numbers } = options
  const results = { kind: 'overhead', ...run, options: { ...numbers, out: undefined }, packages: packageVersions(chosen), nodes: {} }
  const runs = []
  for (const major of options.nodes) {
    const node = findNode(major)
    const variants = chosen.filter(({ sinceNode }) => major >= sinceNode)
    const proofs = await proveAll({ node, variants, services, newFolder })
    const proven = variants.filter(({ name }) => !proofs[name].refused)
    const figures = Object.fromEntries(
      proven.map(({ name }) => [name, { routes: {}, start: { firstLineMs: [], helloWorldMs: [], readyMs: [] } }]),
    )
    results.nodes[major] = { version: node.version, proofs, figures }
    runs.push({ node, proofs, proven, figures })
  }
  const measure = { options, services, newFolder }
  for (const run of runs) {
    for (let round = 0; round < options.starts; round += 1) await withoutFailing(run, () => collectStarts({ ...run, round, ...measure }))
    for (let round = 0; round < options.steadyRounds; round += 1) {
      await withoutFailing(run, () => collectSteadyRate({ ...run, round, ...measure }))
    }
  }
  await Promise.all(runs.map((run) => withoutFailing(run, () => collectIdle({ ...run, ...measure }))))
  for (let round = 0; round < options.rounds; round += 1) {
    for (const run of runs) await withoutFailing(run, () => collectRound({ ...run, round, ...measure }))
  }
  report('')
  return { ...results, verdicts: judge(results.nodes) }
}

async function proveAll({ node, variants, services, newFolder }) {
  report(`Node ${node.major}: does each variant record?`)
  services.sink.startCounting()
  const proofs = await Promise.all(
    variants.map(async (variant) => [variant.name, await proveRecording({ node, variant, services, folder: await newFolder() })]),
  )
  services.sink.stopCounting()
  report('')
  for (const [name, { spans, refused }] of proofs) {
    const seen = Object.entries(spans).map(([layer, count]) => `${layer} ${count}`)
    if (refused) console.log(`Node ${node.major} ${name}: NOT MEASURED: ${refused}`)
    else if (seen.length > 0) console.log(`Node ${node.major} ${name}: records (${seen.join(', ')})`)
  }
  return Object.fromEntries(proofs)
}

/** Takes a variant that fails out of the run, with the reason, and does the step again without it. */
async function withoutFailing(run, step) {
  for (;;) {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof VariantFailure) || error.variant.name === 'bare') throw error
      const { name } = error.variant
      report('')
      console.log(`Node ${run.node.major} ${name}: MEASURED NO FURTHER: ${error.message.trim()}`)
      run.proofs[name].refused = error.message.trim()
      run.proven.splice(run.proven.indexOf(error.variant), 1)
      delete run.figures[name]
    }
  }
}

async function collectStarts({ node, proven, figures, round, options, services, newFolder }) {
  const starts = []
  for (const variant of turned(proven, round)) {
    report(`Node ${node.major}: start-up ${round + 1}/${options.starts} ${variant.name}`)
    starts.push([variant.name, await measureStart({ node, variant, services, newFolder })])
  }
  for (const [name, { firstLineMs, helloWorldMs }] of starts) {
    figures[name].start.firstLineMs.push(firstLineMs)
    figures[name].start.helloWorldMs.push(helloWorldMs)
  }
}

async function collectIdle({ node, proven, figures, options, services, newFolder }) {
  report(`idle for ${options.idleSeconds} s, all at once`)
  const idle = await measureIdle({ node, variants: proven, routes: options.routes, services, newFolder, seconds: options.idleSeconds })
  for (const { name } of proven) figures[name].idleCpuPercent = idle[name]
}

async function collectSteadyRate({ node, proven, figures, round, options, services, newFolder }) {
  const requestsPerSecond = spansPerSecond / spansPerSqlRequest
  const compared = proven.filter(({ name }) => name === 'bare' || name === 'perf')
  const measured = []
  for (const variant of turned(compared, round)) {
    report(`Node ${node.major}: ${spansPerSecond} spans/s ${variant.name}`)
    measured.push([
      variant.name,
      await measureSteadyRate({ node, variant, services, newFolder, requestsPerSecond, seconds: options.steadySeconds }),
    ])
  }
  for (const [name, steady] of measured) (figures[name].steady ??= []).push(steady)
}

async function collectRound({ node, proven, figures, round, options, services, newFolder }) {
  const measured = await measureLoadRound({
    node,
    variants: turned(proven, round),
    routes: options.routes,
    services,
    newFolder,
    warmUp: options.warmUp,
    measuredMs: options.measuredMs,
    countsSpans: round === options.rounds - 1,
    report: (what) => report(`Node ${node.major}: round ${round + 1}/${options.rounds} ${what}`),
  })
  for (const { name } of proven) {
    const { readyMs, routes, idleMemory, loadMemory, stored } = measured[name]
    const kept = figures[name]
    kept.start.readyMs.push(readyMs)
    ;(kept.idleMemory ??= []).push(idleMemory)
    ;(kept.loadMemory ??= []).push(loadMemory)
    if (stored) kept.stored = stored
    for (const [route, values] of Object.entries(routes)) {
      for (const [measure, value] of Object.entries(values)) ((kept.routes[route] ??= {})[measure] ??= []).push(value)
    }
  }
}

/** Every second round runs backwards, and every two rounds another variant is at the ends. */
function turned(variants, round) {
  const at = (round >> 1) % variants.length
  const rotated = [...variants.slice(at), ...variants.slice(0, at)]
  return round % 2 === 1 ? rotated.reverse() : rotated
}

function packageVersions(variants) {
  const names = ['express', 'pg', 'ioredis', 'openai', ...variants.map((variant) => variant.package).filter(Boolean)]
  const folderOf = (name) => (name === '@perf/agent' ? repositoryRoot : join(benchRoot, 'node_modules', name))
  return Object.fromEntries(names.map((name) => [name, JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8')).version]))
}

const roundNumber = (_key, value) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value)

/** One line that is written over; nothing in a pipe. */
function report(text) {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
}

function print(text, exitCode) {
  console.log(text)
  return exitCode
}
