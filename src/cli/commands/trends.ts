import { readTrends, trendMetrics, type TrendMetric } from '../../analysis/compare/trends.ts'
import { UsageError } from '../../errors.ts'
import { listSessions, type Session } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { findSession, ownPrices, sessionsDir } from '../open.ts'
import { counted } from '../render/format.ts'
import { trendsText } from '../render/trends.ts'
import { terminalOf } from '../render/terminal.ts'
import { percent, withComparisonProgress } from './compare.ts'
import { positiveInteger } from './report.ts'

export interface TrendsCommandOptions extends CommonOptions {
  service?: string
  name?: string
  metric?: string
  last?: string
  limit?: string
  sameWithin?: string
}

/** `perf-agent trends`: how each name went over the sessions of a service, and where it changed. */
export async function trends(_: undefined, options: TrendsCommandOptions): Promise<void> {
  const metric = metricOf(options.metric ?? 'p95')
  const limit = positiveInteger('--limit', options.limit ?? '20')
  const sameWithin = percent(options.sameWithin ?? '5%')
  const { service, sessions } = sessionsOf(options, positiveInteger('--last', options.last ?? '30'))
  const prices = await ownPrices()
  const data = await withComparisonProgress((onProgress) =>
    readTrends(sessions, {
      metric,
      limit,
      sameWithin,
      sync: { prices },
      onProgress,
      ...(options.name === undefined ? {} : { name: options.name }),
    }),
  )
  if (options.name !== undefined && data.names.length === 0)
    throw new UsageError(
      `No span is named '${options.name}' in ${counted(sessions.length, 'session')}; 'perf-agent trends' lists the names.`,
    )
  if (options.json === true) process.stdout.write(`${JSON.stringify({ service, ...data }, null, process.stdout.isTTY ? 2 : undefined)}\n`)
  else process.stdout.write(trendsText(terminalOf(), service, data))
}

/** The newest sessions of the service, oldest first, up to the one that `--session` names; the service of that one by default. */
function sessionsOf(options: TrendsCommandOptions, last: number): { service: string; sessions: Session[] } {
  const dir = sessionsDir(options)
  const all = listSessions(dir)
  const until = options.service === undefined || options.session !== undefined ? findSession(options) : undefined
  const service = options.service ?? until?.json.service ?? ''
  const own = all.filter(({ json }) => (json.service ?? '') === service)
  if (own.length === 0) {
    const services = [...new Set(all.flatMap(({ json }) => json.service ?? []))]
    throw new UsageError(`No session of service '${service}'; there are sessions of ${services.join(', ') || 'no service'}.`)
  }
  const from = Math.max(
    0,
    own.findIndex(({ name }) => name === until?.name),
  )
  return { service, sessions: own.slice(from, from + last).toReversed() }
}

function metricOf(name: string): TrendMetric {
  if (Object.hasOwn(trendMetrics, name)) return name as TrendMetric
  throw new UsageError(`'${name}' is no metric; there are ${Object.keys(trendMetrics).join(', ')}.`)
}
