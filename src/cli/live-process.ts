import { PerfError, UsageError } from '../errors.ts'
import { sendCommand } from '../live/control-client.ts'
import { findPaths } from '../live/control-path.ts'
import type { ControlRequest } from '../live/control-socket.ts'
import { openSource } from '../store/analytics/source.ts'
import { hotSources, listSessions, type Session } from '../store/session.ts'
import type { CommonOptions } from './command.ts'
import { findSession, sessionsDir } from './open.ts'
import { counted } from './render/format.ts'

/** A process that can be commanded. */
export interface LiveProcess {
  session: string
  pid: number
  address: string
}

export type LiveOptions = CommonOptions & { pid?: string }

/** Sends a command to the running process the options name, and prints what came of it. */
export async function commandProcess(options: LiveOptions, request: ControlRequest): Promise<void> {
  const { process: target, result } = await askProcess(options, request)
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ session: target.session, pid: target.pid, result })}\n` : `${String(result)}\n`,
  )
}

/** Sends a command to the running process the options name; progress goes to stderr. */
export async function askProcess(options: LiveOptions, request: ControlRequest): Promise<{ process: LiveProcess; result: unknown }> {
  const target = await findProcess(options)
  const result = await sendCommand(target.address, request, (text) => process.stderr.write(`${text}\n`))
  return { process: target, result }
}

/** The running process that `--session` and `--pid` name; without them the only one there is. Throws `PerfError` with what to do. */
export async function findProcess(options: LiveOptions): Promise<LiveProcess> {
  const sessions = options.session === undefined ? listSessions(sessionsDir(options)).slice(0, 20) : [findSession(options)]
  const found: LiveProcess[] = []
  for (const session of sessions) found.push(...(await liveProcesses(session, sessionsDir(options))))
  const pid = options.pid === undefined ? undefined : Number(options.pid)
  if (pid !== undefined && !Number.isInteger(pid)) throw new UsageError(`--pid needs a process id, not '${options.pid}'.`)
  const matches = pid === undefined ? found : found.filter((one) => one.pid === pid)
  const [only] = matches
  if (only === undefined) {
    const where = pid === undefined ? 'No recorded process is running here' : `No recorded process has pid ${pid}`
    throw new PerfError('NOT_RUNNING', `${where}; start one with: node --import @perf/agent app.js (or name the folder with --dir).`)
  }
  if (matches.length > 1)
    throw new UsageError(
      `${counted(matches.length, 'recorded process')} are running; say which: ${matches.map((one) => `--pid ${one.pid}`).join(', ')}.`,
    )
  return only
}

async function liveProcesses(session: Session, dir: string): Promise<LiveProcess[]> {
  const paths = findPaths(session.folder)
  const live: LiveProcess[] = []
  for (const source of paths.size === 0 ? [] : hotSources(session)) {
    const address = paths.get(source.instance)
    if (address === undefined || source.kind !== 'lmdb') continue
    const reader = await openSource(source, dir)
    if (reader.state === 'live' && reader.process !== undefined) live.push({ session: session.name, pid: reader.process.pid, address })
    await reader.close()
  }
  return live
}
