// `npm test`: needs nothing but Node, npm and the npm registry. Installs what is missing, runs vitest (which builds
// dist/ when a source is newer), and closes with a line `N passed, N failed, N skipped`. Arguments go to vitest: `npm test -- test/core -t name`.
//   --children                        only the test files that run programs on the Node under test
//   --recording                       of those, not the ones that are about what is done with recordings afterwards
//   PERF_TEST_NODE=<node binary>      what the recorded programs run on; default the Node that runs this
//   PERF_TEST_REQUIRE_SERVICES=1      a service that is not there fails its tests, and so does a skip without a note that names a version
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { installMissing, root, say } from './install.mjs'

/** How a skip says that a version is too old or too new for it: `Node 20 has no …`, `openai 4.20.0 has no …`. */
const VERSION_REASON = /^(?:Node|@?[a-z][\w./@-]*) \d/

/** Tests of commands and findings: these run on the Node that runs the tests, and read what every Node records alike. */
const AFTERWARDS = /^test.(?:ai|analysis|audit|findings|golden|optimize|queue|scoring|store)[\\/]|^test.cli.(?!doctor|live|logs|run)/

const given = process.argv.slice(2)
const isRecording = given.includes('--recording')
const args = given.filter((argument) => argument !== '--children' && argument !== '--recording')
const temporary = mkdtempSync(path.join(os.tmpdir(), 'perf-test-run-'))
try {
  installMissing(root)
  if (args.every((argument) => argument.startsWith('-'))) await installLibraries()
  if (isRecording || given.includes('--children')) args.push(...(await childTests()))
  process.exitCode = await runVitest(path.join(temporary, 'counts.json'))
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  console.log('0 passed, 1 failed, 0 skipped')
  process.exitCode = 1
} finally {
  rmSync(temporary, { recursive: true, force: true })
}

/** The library versions the tests run against, before the clock of a test runs. */
async function installLibraries() {
  const { MATRIX, TEST_TOOLS, isInstalled, notInstallable, versionsFor } = await import('./install-versions.mjs')
  const major = majorUnderTest()
  const versions = MATRIX.filter(({ lib, version }) => versionsFor(lib, major).includes(version))
  const missing = [...versions.map(({ lib, version }) => `${lib}@${version}`), ...TEST_TOOLS].filter(
    (spec) => !isInstalled(spec) && notInstallable(spec) === undefined,
  )
  if (missing.length === 0) return
  say(`installing ${missing.length} library versions into .cache/versions`)
  const script = path.join(root, 'scripts', 'install-versions.mjs')
  const lanes = [0, 1, 2, 3, 4].map((lane) => missing.filter((_, i) => i % 5 === lane)).filter((lane) => lane.length > 0)
  await Promise.all(lanes.map((specs) => runNode([script, ...specs])))
}

/** Test files that reach `node-under-test.ts`: the others give the same on every Node under test. */
async function childTests() {
  const { build } = await import('esbuild')
  const names = readdirSync(path.join(root, 'test'), { recursive: true })
  const files = names.filter((name) => name.endsWith('.test.ts')).map((name) => path.join('test', name))
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: files,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    outdir: 'none',
    write: false,
    metafile: true,
    logLevel: 'error',
  })
  return Object.values(metafile.outputs)
    .filter(({ inputs }) => 'test/support/node-under-test.ts' in inputs)
    .map(({ entryPoint }) => entryPoint)
    .filter((file) => !isRecording || !AFTERWARDS.test(file))
}

function runNode(nodeArgs) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, nodeArgs, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject)
    child.once('close', (status) => (status === 0 ? resolve() : reject(new Error(`${nodeArgs.join(' ')} ended with code ${status}`))))
  })
}

/** Library versions of the matrix that do not run on the Node under test. */
async function leftOut() {
  const { MATRIX, versionsFor } = await import('./install-versions.mjs')
  const major = majorUnderTest()
  return MATRIX.filter(({ lib, version }) => !versionsFor(lib, major).includes(version)).map(({ lib, version }) => `${lib}@${version}`)
}

function majorUnderTest() {
  const binary = process.env.PERF_TEST_NODE
  const version = binary ? execFileSync(binary, ['-p', 'process.versions.node'], { encoding: 'utf8' }) : process.versions.node
  return Number(version.split('.')[0])
}

async function runVitest(countsFile) {
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', `--reporter=${path.join(root, 'scripts', 'test-reporter.mjs')}`]
  const { status } = spawnSync(process.execPath, [vitest, 'run', ...reporters, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PERF_TEST_COUNTS: countsFile },
  })
  const { passed, failed, skipped } = readCounts(countsFile)
  const unexplained = process.env.PERF_TEST_REQUIRE_SERVICES === '1' ? skipped.filter((skip) => !isVersionSkip(skip)) : []
  const left = await leftOut()
  if (left.length > 0) console.log(`left out on Node ${majorUnderTest()}: ${left.join(', ')}`)
  for (const { name } of unexplained) console.log(`skipped for no reason that holds here: ${name}`)
  // Vitest also fails when it found no test, or could not start.
  const failures = failed + unexplained.length || (status === 0 && passed > 0 ? 0 : 1)
  console.log(`${passed} passed, ${failures} failed, ${skipped.length - unexplained.length} skipped`)
  return failures === 0 ? 0 : 1
}

function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return { passed: 0, failed: 0, skipped: [] }
  }
}

function isVersionSkip({ reason }) {
  return VERSION_REASON.test(reason)
}
