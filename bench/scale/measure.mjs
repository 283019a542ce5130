import { execFile, spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bundleSubject } from '../micro/subject.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const generating = { 'test/support/generate-session.ts': ['generateSession'], 'test/support/scale-session.ts': ['scaleBlocks'] }

/** The commands in the order in which a user would run them; the first syncs, the others find everything done. */
const COMMANDS = {
  sync: ['sync'],
  report: ['report'],
  'report again': ['report'],
  'report --format md': ['report', '--format', 'md'],
  findings: ['findings'],
  'trace slowest': ['trace', 'slowest'],
}

/**
 * Generates a session of `spans` spans and runs the CLI over it, each command in a process of its own.
 * @returns {Promise<{ spans: number, bytesPerSpan: number, commands: Record<string, { ms: number, peakMb: number | null }> }>}
 */
export async function measureScale({ spans, report, keep }) {
  const subject = await bundleSubject('scale-generating', generating)
  const cache = join(root, '.cache', 'bench-scale')
  await mkdir(cache, { recursive: true })
  const dir = await mkdtemp(join(cache, 'run-'))
  try {
    report(`${spans} spans: generating`)
    const script = fileURLToPath(new URL('generate.mjs', import.meta.url))
    const { stdout: session } = await promisify(execFile)(process.execPath, [script, subject, dir, String(spans)])
    const commands = {}
    for (const [name, words] of Object.entries(COMMANDS)) {
      report(`${spans} spans: ${name}`)
      commands[name] = await runCommand([...words, '--dir', dir, '--session', session])
    }
    const [{ stored }] = JSON.parse(
      (await runCommand(['sql', 'SELECT count(*) AS stored FROM spans', '--json', '--dir', dir, '--session', session])).stdout,
    )
    if (stored < spans) throw new Error(`${stored} of ${spans} spans were stored`)
    for (const command of Object.values(commands)) delete command.stdout
    return { spans: stored, bytesPerSpan: statSync(join(dir, 'sessions', session, 'session.duckdb')).size / stored, commands }
  } finally {
    if (keep) report(`kept ${dir}`)
    else await rm(dir, { recursive: true, force: true })
  }
}

/** Wall time from start to exit, and the most memory (RSS) the process had, file-backed pages included; null where the system does not say. */
async function runCommand(words) {
  const from = performance.now()
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text) => (stdout += text))
  child.stderr.on('data', (text) => (stderr += text))
  let peakMb = null
  const timer = setInterval(() => (peakMb = Math.max(peakMb ?? 0, peakOf(child.pid) ?? 0) || null), 10)
  const code = await new Promise((resolve) => child.once('close', resolve))
  clearInterval(timer)
  if (code !== 0) throw new Error(`perf-agent ${words.join(' ')} ended with ${code}: ${stderr}`)
  return { ms: performance.now() - from, peakMb, stdout }
}

function peakOf(pid) {
  try {
    const kb = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kb === undefined ? undefined : Number(kb) / 1024
  } catch {
    return undefined
  }
}

/** The budgets, which are for 5 million spans. */
export function judgeScale(runs) {
  return runs.flatMap(({ spans, commands }) => {
    const size = `${(spans / 1e6).toFixed(1)} M spans`
    const isBudgeted = spans >= 5_000_000
    const row = (what, unit, value, limit) => ({
      what: `${what}, ${size}`,
      unit,
      node: null,
      atLeast: false,
      limit: isBudgeted ? limit : null,
      value,
      isMet: isBudgeted && value !== null ? value <= limit : null,
    })
    const peaks = Object.values(commands).map(({ peakMb }) => peakMb)
    return [
      row('sync', 's', commands.sync.ms / 1000, 30),
      row('report after sync', 's', commands.report.ms / 1000, 5),
      row('report once more', 's', commands['report again'].ms / 1000, 5),
      row('report --format md', 's', commands['report --format md'].ms / 1000, 5),
      row('memory of the CLI (RSS), the most of any command', 'MB', peaks.includes(null) ? null : Math.max(...peaks), 1024),
    ]
  })
}
