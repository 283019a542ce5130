import { rmSync } from 'node:fs'
import path from 'node:path'
import { planPrune, type PrunePlan } from '../../analysis/prune-plan.ts'
import { folderBytes } from '../../analysis/sessions.ts'
import { PerfError, UsageError } from '../../errors.ts'
import { findLeftovers, removeSession, type Leftover } from '../../store/remove-session.ts'
import { listSessions, resolveSession } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { sessionsDir } from '../open.ts'
import { bytesOption, durationOption } from '../options.ts'
import { bytes, counted } from '../render/format.ts'
import { table } from '../render/table.ts'
import { showProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'

interface PruneOptions extends CommonOptions {
  older?: string
  keep?: string
  maxSize?: string
  dryRun?: boolean
}

interface Removal {
  session: string
  bytes: number
  reasons: string[]
  /** Why it is still there. */
  failed: string | null
}

/** `perf-agent prune`: removes sessions beyond the limits given, and leftovers; exit 1 when one that should go could not. */
export async function prune(_: undefined, options: PruneOptions): Promise<number> {
  const dir = sessionsDir(options)
  const plan = options.session === undefined ? await planPrune(dir, limitsOf(options)) : await planOne(dir, options.session, options)
  const leftovers = options.session === undefined ? await findLeftovers(dir, listSessions(dir)) : []
  const freed = leftovers.map((leftover) => ({ ...leftover, bytes: sizeOf(leftover) }))
  const isDry = options.dryRun === true
  const removed = await removeAll(plan, isDry)
  if (!isDry) for (const leftover of leftovers) rmSync(leftover.path, { recursive: true, force: true })
  if (options.json === true) {
    const output = { dry_run: isDry, removed, kept: plan.spared, leftovers: freed, staying: plan.staying }
    process.stdout.write(`${JSON.stringify(output, null, process.stdout.isTTY ? 2 : undefined)}\n`)
  } else process.stdout.write(describe(removed, freed, plan, isDry, dir))
  return removed.some(({ failed }) => failed !== null) ? 1 : 0
}

function limitsOf(options: PruneOptions): Parameters<typeof planPrune>[1] {
  const { older, keep, maxSize } = options
  if (keep !== undefined && !/^\d{1,9}$/.test(keep)) throw new UsageError(`--keep needs a whole number, not '${keep}'.`)
  return {
    ...(older === undefined ? {} : { older: { ms: durationOption('--older', older), text: older } }),
    ...(keep === undefined ? {} : { keep: Number(keep) }),
    ...(maxSize === undefined ? {} : { maxSize: { bytes: bytesOption('--max-size', maxSize), text: maxSize } }),
  }
}

async function planOne(dir: string, which: string, options: PruneOptions): Promise<PrunePlan> {
  if (options.older !== undefined || options.keep !== undefined || options.maxSize !== undefined)
    throw new UsageError('--session removes this one session: leave out --older, --keep and --max-size.')
  const session = resolveSession(dir, which)
  if (session.tags.includes('keep'))
    throw new UsageError(`Session ${session.name} is tagged keep; first: perf-agent sessions untag ${session.name} keep`)
  const sessions = listSessions(dir)
  return {
    removals: [{ session, bytes: folderBytes(session.folder), reasons: ['named'] }],
    spared: [],
    staying: {
      sessions: sessions.length - 1,
      bytes: sessions.reduce((sum, { folder }) => sum + (folder === session.folder ? 0 : folderBytes(folder)), 0),
    },
  }
}

async function removeAll({ removals }: PrunePlan, isDry: boolean): Promise<Removal[]> {
  const progress = showProgress('Removing')
  const done: Removal[] = []
  for (const { session, bytes: size, reasons } of removals) {
    let failed: string | null = null
    progress.update(`${done.length + 1} of ${removals.length}`)
    try {
      if (!isDry) await removeSession(session)
    } catch (error) {
      if (!(error instanceof PerfError)) throw error
      failed = error.message
    }
    done.push({ session: session.name, bytes: size, reasons, failed })
  }
  progress.end()
  return done
}

const sizeOf = ({ path: file }: Leftover): number => folderBytes(file)

function describe(
  removed: readonly Removal[],
  leftovers: readonly (Leftover & { bytes: number })[],
  plan: PrunePlan,
  isDry: boolean,
  dir: string,
): string {
  const terminal = terminalOf()
  const rows = [
    ...removed.map(({ session, bytes: size, reasons, failed }) => [
      failed === null ? (isDry ? 'would go' : 'removed') : terminal.paint.red('not removed'),
      session,
      bytes(size),
      failed ?? reasons.join(', '),
    ]),
    ...leftovers.map(({ path: file, bytes: size, reason }) => [
      isDry ? 'would go' : 'removed',
      path.relative(dir, file),
      bytes(size),
      reason,
    ]),
    ...plan.spared.map(({ session, reason }) => ['stays', session, '', reason]),
  ]
  const gone = removed.filter(({ failed }) => failed === null)
  const size = [...gone, ...leftovers].reduce((sum, entry) => sum + entry.bytes, 0)
  const left = removed.length - gone.length
  const summary = `${counted(gone.length, 'session')} ${isDry ? 'would go' : 'removed'}, ${bytes(size)}; ${plan.staying.sessions + left} stay.`
  if (rows.length === 0) return `Nothing to remove: ${counted(plan.staying.sessions, 'session')}, ${bytes(plan.staying.bytes)}.\n`
  const columns = [{ head: '' }, { head: 'session' }, { head: 'size', align: 'right' as const }, { head: 'why', flexible: true }]
  return `${table(terminal, columns, rows)}\n${summary}\n`
}
