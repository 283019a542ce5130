// Runs the overhead benchmark: see `--help`. What it measures and how it compares stands in measure.mjs and budgets.mjs.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { benchRoot } from './paths.mjs'

if (!existsSync(join(benchRoot, 'node_modules', 'express'))) {
  console.log('installing the app and the peers into bench/overhead/node_modules')
  execFileSync('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: benchRoot,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
const { runOverhead } = await import('./overhead.mjs')
process.exitCode = await runOverhead(process.argv.slice(2))
