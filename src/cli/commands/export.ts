import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { loadFlame, loadFrames, loadTimeline, type CpuFilter, type ThreadSamples } from '../../analysis/cpu/flame-data.ts'
import { toChromeTrace } from '../../analysis/export/chrome-trace.ts'
import { toCollapsed } from '../../analysis/export/collapsed.ts'
import { toCpuProfile } from '../../analysis/export/cpuprofile.ts'
import { toPprof } from '../../analysis/export/pprof.ts'
import { toSpeedscope } from '../../analysis/export/speedscope.ts'
import { UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { counted } from '../render/format.ts'
import { shown } from '../render/shown-file.ts'
import { profiledTotals } from './flame.ts'

interface ExportOptions extends CommonOptions, CpuFilter {
  cpuprofile?: boolean
  pprof?: boolean
  collapsed?: boolean
  speedscope?: boolean
  chromeTrace?: boolean
  thread?: string
  output?: string
}

const EXTENSIONS = {
  cpuprofile: 'cpuprofile',
  pprof: 'pb.gz',
  collapsed: 'collapsed.txt',
  speedscope: 'speedscope.json',
  chromeTrace: 'trace.json',
}
type Format = keyof typeof EXTENSIONS

/** `perf-agent export --<format>`: writes the CPU profile, or the trace, for another tool. */
export async function exportSession(_: undefined, options: ExportOptions): Promise<void> {
  const chosen = (Object.keys(EXTENSIONS) as Format[]).filter((format) => options[format] === true)
  const [format] = chosen
  if (format === undefined || chosen.length > 1)
    throw new UsageError('Name one format: --cpuprofile, --pprof, --collapsed, --speedscope or --chrome-trace.')
  const filter: CpuFilter = { span: options.span, tool: options.tool, route: options.route, layer: options.layer }
  const reader = await openNamedSession(options)
  try {
    const content = await contentOf(reader, format, filter, options)
    if (options.output === '-') {
      process.stdout.write(content)
      return
    }
    const file = path.resolve(options.output ?? `${reader.session.name}.${EXTENSIONS[format]}`)
    writeFileSync(file, content, { mode: 0o600 })
    process.stdout.write(
      options.json === true ? `${JSON.stringify({ format, file, bytes: content.length })}\n` : `Written: ${shown(file)}\n`,
    )
  } finally {
    reader.close()
  }
}

async function contentOf(reader: SessionReader, format: Format, filter: CpuFilter, options: ExportOptions): Promise<Buffer | string> {
  // A trace of spans needs no profile.
  if (format === 'chromeTrace')
    return JSON.stringify(await toChromeTrace(reader, await loadFrames(reader), await loadTimeline(reader, filter)))
  const totals = await profiledTotals(reader)
  switch (format) {
    case 'pprof':
      return toPprof(await loadFlame(reader, filter), totals.intervalUs)
    case 'collapsed':
      return toCollapsed(await loadFlame(reader, filter))
    case 'speedscope':
      return JSON.stringify(toSpeedscope(reader.session.name, await loadFrames(reader), await loadTimeline(reader, filter)))
    case 'cpuprofile':
      return JSON.stringify(toCpuProfile(await loadFrames(reader), chooseThread(await loadTimeline(reader, filter), options.thread)))
  }
}

/** `.cpuprofile` holds one thread: the one asked for as `<pid>:<thread>`, else the busiest. */
function chooseThread(threads: readonly ThreadSamples[], wanted: string | undefined): ThreadSamples {
  const name = ({ pid, thread }: ThreadSamples): string => `${pid}:${thread}`
  const [busiest] = threads
  if (busiest === undefined) throw new UsageError('No sample fits the filter.')
  if (wanted === undefined) {
    if (threads.length > 1)
      process.stderr.write(
        `Of ${counted(threads.length, 'thread')} the busiest, ${name(busiest)}; others: --thread ${threads.slice(1, 6).map(name).join(', ')}\n`,
      )
    return busiest
  }
  const found = threads.find((thread) => name(thread) === wanted || String(thread.thread) === wanted)
  if (found === undefined) throw new UsageError(`There is no thread '${wanted}': ${threads.slice(0, 8).map(name).join(', ')}.`)
  return found
}
