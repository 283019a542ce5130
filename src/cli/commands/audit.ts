import { rmdirSync, writeFileSync } from 'node:fs'
import { auditSession } from '../../analysis/audit/audit-session.ts'
import { PerfError, UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import { REJECTED_TAG, changeTags } from '../../store/session-tags.ts'
import { hotSources, readSession } from '../../store/session.ts'
import { runBothWays, type BothWays } from '../behaviour/run-both-ways.ts'
import { assertNotInterrupted } from '../behaviour/run-command.ts'
import type { CommonOptions } from '../command.ts'
import { findSession, openNamedSession } from '../open.ts'
import { readConfigFile, thresholdsOf } from '../project-config.ts'
import { auditGithub, appendStepSummary } from '../render/audit-github.ts'
import { auditJunit } from '../render/audit-junit.ts'
import { auditSarif } from '../render/audit-sarif.ts'
import { renderAudit, type AuditOutcome } from '../render/audit.ts'
import { renderBehaviour } from '../render/behaviour.ts'
import { withProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { learn, type LearnCommandOptions } from './audit-learn.ts'
import { positiveInteger } from './report.ts'

export interface AuditOptions extends CommonOptions, LearnCommandOptions {
  learn?: boolean
  baselineRuns?: string
  results?: string[]
  quiet?: boolean
  junit?: string
  sarif?: string
  github?: boolean
}

/** `perf-agent audit`: holds a session against the thresholds of perf.config.json; with `-- <command>` runs it first; exit 1 on a violation. */
export async function audit(command: string[], options: AuditOptions): Promise<number> {
  if (options.learn === true && command.length > 0) throw new UsageError('--learn looks at earlier sessions and runs no command.')
  if (options.write === true && options.learn !== true) throw new UsageError('--write goes with --learn.')
  if (options.learn === true) return await learn(options)
  const file = readConfigFile(options.config)
  const { thresholds, isOwn } = thresholdsOf(file.config)
  const behaviour = command.length === 0 ? undefined : await recordCommand(command, options)
  const named = behaviour === undefined ? options : { ...options, session: behaviour.session }
  const { tags, name } = findSession(named)
  const isRejected = behaviour === undefined ? tags.includes(REJECTED_TAG) : behaviour.differences.length > 0
  const outcome: AuditOutcome = { session: name, behaviour, isRejected, result: undefined, file, isOwn }
  if (!isRejected) {
    const reader = await openNamedSession(named)
    try {
      await assertRecorded(reader)
      outcome.result = await withProgress('Checking thresholds', auditSession(reader, thresholds))
    } finally {
      reader.close()
    }
  }
  report(outcome, options)
  const hasFailed = outcome.result?.violations.some(({ level }) => level === 'fail') === true
  const commandFailed = behaviour !== undefined && behaviour.recorded.code !== 0
  return isRejected || hasFailed || commandFailed ? 1 : 0
}

/** What nothing was recorded of keeps every threshold: that must not pass. */
async function assertRecorded(reader: SessionReader): Promise<void> {
  const [counted] = await reader.rows<{ processes: number }>('SELECT count(*) AS processes FROM processes')
  if (counted?.processes !== 0) return
  const { name } = reader.session
  throw new PerfError(
    'NOTHING_RECORDED',
    `Nothing can be read of ${name}, so no threshold says anything of it; perf-agent report says why.`,
  )
}

/** Runs the command both ways; a recording whose behaviour was not the same gets the tag that says so. */
async function recordCommand(command: string[], options: AuditOptions): Promise<BothWays> {
  const terminal = terminalOf(process.stderr)
  const behaviour = await runBothWays(command, {
    ...options,
    results: options.results ?? [],
    baselineRuns: positiveInteger('--baseline-runs', options.baselineRuns ?? '1'),
    passThrough: options.quiet === true ? 'none' : options.json === true ? 'stderr' : 'both',
    onRun: (run, total, withAgent) => {
      const line = `perf-agent: run ${run} of ${total}, ${withAgent ? 'with' : 'without'} the agent`
      process.stderr.write(`${terminal.paint.dim(line)}\n`)
    },
  })
  const session = readSession(behaviour.session)
  if (behaviour.recorded.interruptedBy !== null) await changeTags(session, { add: [REJECTED_TAG] })
  assertNotInterrupted(behaviour.recorded)
  if (behaviour.differences.length > 0) await changeTags(session, { add: [REJECTED_TAG] })
  else if (hotSources(session).length === 0) {
    removeIfEmpty(behaviour.session)
    if (options.json !== true) process.stdout.write(renderBehaviour(terminalOf(), behaviour))
    throw new PerfError(
      'NOTHING_RECORDED',
      `Nothing was recorded while '${command.join(' ')}' ran: it starts no Node.js process, or only such as end at once.`,
    )
  }
  return behaviour
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Something is in it.
  }
}

function report(outcome: AuditOutcome, options: AuditOptions): void {
  if (options.junit !== undefined) write(options.junit, auditJunit(outcome))
  if (options.sarif !== undefined) write(options.sarif, auditSarif(outcome))
  if (options.github === true) {
    // Standard output is JSON's; the runner reads both.
    const stream = options.json === true ? process.stderr : process.stdout
    stream.write(auditGithub(outcome))
    appendStepSummary(process.env['GITHUB_STEP_SUMMARY'], outcome)
  }
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(jsonOf(outcome), null, process.stdout.isTTY ? 2 : undefined)}\n`)
    return
  }
  const terminal = terminalOf()
  if (outcome.behaviour !== undefined) process.stdout.write(renderBehaviour(terminal, outcome.behaviour))
  process.stdout.write(renderAudit(terminal, outcome))
}

function jsonOf({ session, behaviour, isRejected, result, isOwn }: AuditOutcome): object {
  return {
    session,
    service: result?.service ?? null,
    rejected: isRejected,
    behaviour: behaviour ?? null,
    thresholds: isOwn.includes(true) ? 'perf.config.json' : 'defaults',
    checks: result?.checks ?? [],
    violations: result?.violations ?? [],
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new UsageError(`Cannot write ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`)
  }
}
