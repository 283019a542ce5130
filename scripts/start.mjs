// `npm start`: installs and builds what is missing, records the example under the agent while its traffic runs, and
// prints the report of that session. Needs nothing but Node, npm and the npm registry.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { buildIfStale, installMissing, root, say } from './install.mjs'

const example = path.join(root, 'examples', 'assistant')
const cli = path.join(root, 'dist', 'cli.js')
const perfDir = path.resolve(root, process.env.PERF_DIR || '.perf')

try {
  installMissing(root)
  installMissing(example)
  buildIfStale()
} catch (error) {
  stop(error.message)
}

const before = new Set(sessions())
say('recording examples/assistant while 200 requests run')
const command = [process.execPath, cli, 'run', '--service', 'assistant', '--', process.execPath, 'src/server.js']
const traffic = runNode(['src/traffic.js', '--', ...command], {
  cwd: example,
  env: { ...process.env, PERF_DIR: perfDir, PERF_TOOLS: process.env.PERF_TOOLS || 'src/tools/**#*|!priceOf' },
  mayFail: true,
})

const session = sessions().find((name) => !before.has(name))
if (!session) stop(`no session was recorded in ${path.relative(process.cwd(), perfDir) || '.'}`)
runNode([cli, 'report', '--dir', perfDir, '--session', session])
say(`more: npx perf-agent report | trace | sql (--session ${session})`)
process.exitCode = traffic

/** The recorded sessions of the example, oldest first; their names hold the time they started. */
function sessions() {
  const folder = path.join(perfDir, 'sessions')
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.startsWith('assistant_'))
        .sort()
    : []
}

function runNode(args, options) {
  return run(process.execPath, args, options)
}

function run(program, args, { cwd = root, env = process.env, mayFail = false } = {}) {
  const { status, signal, error } = spawnSync(program, args, { cwd, env, stdio: 'inherit' })
  if (error) stop(`${program} could not be started: ${error.message}`)
  if (status !== 0 && !mayFail) stop(`${path.basename(program)} ${args.join(' ')} ended with ${signal ?? `code ${status}`}`)
  return status ?? 1
}

function stop(reason) {
  say(reason)
  process.exit(1)
}
