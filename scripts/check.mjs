// `npm run check`: format, lint with types, types, unused files and exports, generated files up to date. One line per check, the
// output of those that fail, exit code 1 when one does. `npm run check -- types lint` runs these only.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { installMissing, root } from './install.mjs'

const require = createRequire(import.meta.url)

const CHECKS = {
  format: [tool('prettier', 'prettier'), '--check', '--log-level=warn', '.'],
  lint: [tool('oxlint', 'oxlint'), '--type-aware', '--deny-warnings'],
  types: [tool('typescript', 'tsc'), '-p', 'tsconfig.check.json'],
  unused: [tool('knip', 'knip'), '--no-progress'],
  registry: ['scripts/generate-registry.mjs', '--check'],
  findings: ['scripts/generate-findings.mjs', '--check'],
  docs: ['scripts/generate-docs.mjs', '--check'],
  benchmarks: ['scripts/generate-benchmarks-doc.mjs', '--check'],
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in CHECKS))
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(', ')}; there are ${Object.keys(CHECKS).join(', ')}`)
  process.exit(2)
}
installMissing(root)
const names = asked.length > 0 ? asked : Object.keys(CHECKS)
const results = await Promise.all(names.map((name) => runCheck(name)))
for (const { name, failed, seconds, output } of results) {
  console.log(`${failed ? 'failed' : 'ok    '}  ${name} (${seconds.toFixed(1)} s)`)
  if (failed) console.log(output.trimEnd().replace(/^/gm, '    '))
}
const failures = results.filter(({ failed }) => failed).length
console.log(`${results.length - failures} checks passed, ${failures} failed`)
process.exitCode = failures === 0 ? 0 : 1

/** Gives the script behind a package's command once the package is installed. */
function tool(name, command) {
  return () => {
    const manifest = path.join(root, 'node_modules', name, 'package.json')
    if (!existsSync(manifest)) throw new Error(`${name} is not installed`)
    const { bin } = require(manifest)
    return path.join(path.dirname(manifest), typeof bin === 'string' ? bin : bin[command])
  }
}

function runCheck(name) {
  const args = CHECKS[name].map((argument) => (typeof argument === 'function' ? argument() : argument))
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('close', (status) => resolve({ name, failed: status !== 0, seconds: (performance.now() - started) / 1000, output }))
  })
}
