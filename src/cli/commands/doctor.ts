import {
  environmentChecks,
  packageReports,
  recognisedCalls,
  type Check,
  type PackageReport,
  type RecognisedCalls,
} from '../../analysis/doctor.ts'
import { readConfig } from '../../config.ts'
import { SessionNotFoundError } from '../../errors.ts'
import { chooseSampler, type SamplerSetting } from '../../profiling/choose-sampler.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession, sessionsDir } from '../open.ts'
import { oneLine, table } from '../render/table.ts'
import { terminalOf, type Terminal } from '../render/terminal.ts'
import { wrap } from '../render/wrap.ts'

interface DoctorData {
  checks: Check[]
  /** `null` without a session. */
  session: string | null
  packages: PackageReport[]
  /** AI calls whose clients have no integration: neither tokens nor cost are known. */
  recognised_ai_calls: RecognisedCalls[]
}

/** Statuses that mean calls were missed although the agent knows the package. */
const MISSED = new Set(['unsupported', 'loaded-before', 'bundled', 'failed'])

/** `perf-agent doctor`: the machine, and every known package the app loaded; exit 1 when something was missed or does not work. */
export async function doctor(_: undefined, options: CommonOptions): Promise<number> {
  const { cpuSampler } = readConfig(process.env, process.cwd())
  const checks = [...(await environmentChecks(sessionsDir(options))), samplerCheck(cpuSampler)]
  const data: DoctorData = { checks, session: null, packages: [], recognised_ai_calls: [] }
  try {
    const reader = await openNamedSession(options)
    data.session = reader.session.name
    try {
      data.packages = await packageReports(reader)
      data.recognised_ai_calls = await recognisedCalls(reader)
    } finally {
      reader.close()
    }
  } catch (error) {
    if (!(error instanceof SessionNotFoundError) || options.session !== undefined) throw error
  }
  process.stdout.write(
    options.json === true ? `${JSON.stringify(data, null, process.stdout.isTTY ? 2 : undefined)}\n` : render(terminalOf(), data),
  )
  const isBad = data.checks.some((check) => check.state === 'failed') || data.packages.some((entry) => MISSED.has(entry.status))
  return isBad ? 1 : 0
}

/** Who would take the samples of an app that is started here. */
function samplerCheck(setting: SamplerSetting): Check {
  const { sampler, why, isProblem } = chooseSampler(setting, [process.cwd()])
  const detail = sampler === 'pprof' ? `${why} samples for PERF_CPU` : `Node's inspector samples for PERF_CPU: ${why}`
  return { name: 'CPU sampler', state: isProblem ? 'warning' : 'ok', detail }
}

function render(terminal: Terminal, data: DoctorData): string {
  const { paint } = terminal
  const marks = { ok: paint.green('ok'), warning: paint.yellow('warn'), failed: paint.red('FAIL') }
  const checks = data.checks.map(
    (check) =>
      `${marks[check.state].padEnd(4 + marks[check.state].length - check.state.length)}  ${wrap(`${check.name}: ${check.detail}`, terminal.width - 6).replaceAll('\n', '\n      ')}`,
  )
  const lines = [paint.bold('This machine'), ...data.checks.map((check, i) => checks[i] ?? check.name), '']
  if (data.session === null)
    lines.push(
      wrap(
        'No session yet: record one, then doctor shows what was instrumented. A program that made no call the agent knows leaves none.',
        terminal.width,
      ),
    )
  else {
    lines.push(paint.bold(`Packages in ${data.session}`))
    lines.push(data.packages.length === 0 ? 'The app loaded no package the agent knows.' : packageTable(terminal, data.packages))
    if (data.recognised_ai_calls.length > 0) lines.push('', recognised(terminal, data.recognised_ai_calls))
  }
  return `${lines.join('\n')}\n`
}

/** What was seen of clients without an integration, and what was not. */
function recognised(terminal: Terminal, calls: RecognisedCalls[]): string {
  const columns = [{ head: 'provider' }, { head: 'host', flexible: true }, { head: 'seen by' }, { head: 'calls', align: 'right' as const }]
  const rows = calls.map((row) => [row.provider ?? '-', oneLine(row.host ?? '-'), row.integration, String(row.calls)])
  const missing =
    'Their client has no integration, or one that is switched off: time, status and, where the path names it, the model are recorded; ' +
    'tokens, cost and finish reasons are not.'
  return [
    terminal.paint.bold('AI calls recognised by host'),
    table(terminal, columns, rows, { wrap: true }),
    wrap(missing, terminal.width),
  ].join('\n')
}

function packageTable(terminal: Terminal, packages: PackageReport[]): string {
  const columns = [
    { head: 'package' },
    { head: 'version' },
    { head: 'format' },
    { head: 'status' },
    { head: 'why, what is missing', flexible: true },
  ]
  const rows = packages.map((entry) => [
    oneLine(entry.name),
    entry.version ?? '-',
    entry.format ?? '-',
    entry.status === 'wrapped'
      ? terminal.paint.green(entry.status)
      : MISSED.has(entry.status)
        ? terminal.paint.red(entry.status)
        : entry.status,
    oneLine(
      [entry.reason ?? '', entry.missing.length > 0 ? `not found: ${entry.missing.join(', ')}` : '']
        .filter((text) => text !== '')
        .join('; '),
    ),
  ])
  return table(terminal, columns, rows, { wrap: true })
}
