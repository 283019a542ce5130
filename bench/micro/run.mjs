// Runs the micro benchmarks: see `--help`.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
if (!existsSync(new URL('node_modules/mitata', import.meta.url))) {
  console.log('installing mitata into bench/micro/node_modules')
  execFileSync('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
const { runMicro } = await import('./micro.mjs')
process.exitCode = await runMicro(process.argv.slice(2))
