import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { compareFunctions, functionsOf, spansOf } from '../../analysis/cpu/functions.ts'
import { cpuTotals, loadFlame, type CpuFilter, type CpuTotals, type FlameData } from '../../analysis/cpu/flame-data.ts'
import { flameTree } from '../../analysis/cpu/flame-tree.ts'
import { PerfError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { flamePage } from '../render/flame-page.ts'
import { counted, duration } from '../render/format.ts'
import { changeTable, cpuSummary, functionTable, spanTable } from '../render/cpu-tables.ts'
import { shown } from '../render/shown-file.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

export interface FlameOptions extends CommonOptions, CpuFilter {
  diff?: string
  html?: string | true
  limit?: string
}

/** `perf-agent flame`: where the CPU time went, as a table or a flame graph; `--diff` against another session. */
export async function flame(_: undefined, options: FlameOptions): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '15')
  const filter: CpuFilter = { span: options.span, tool: options.tool, route: options.route, layer: options.layer }
  const after = await read(options, filter)
  const before = options.diff === undefined ? undefined : await read({ ...options, session: options.diff }, filter)
  if (options.html !== undefined) {
    const file = path.resolve(options.html === true ? `${after.flame.session}.flame.html` : options.html)
    writeFileSync(file, pageOf(after.flame, after.totals, before?.flame), { mode: 0o600 })
    process.stdout.write(options.json === true ? `${JSON.stringify({ file })}\n` : `Flame graph: ${shown(file)}\n`)
    return
  }
  const functions = functionsOf(after.flame)
  const changes = before === undefined ? undefined : compareFunctions(before.flame, after.flame)
  const spans = spansOf(after.flame)
  if (options.json === true) {
    const data = {
      session: after.flame.session,
      filter: after.flame.filter,
      totals: after.totals,
      sampled_us: after.flame.us,
      ...(changes === undefined
        ? { functions: functions.slice(0, limit), spans: spans.slice(0, limit) }
        : { before: before?.flame.session, changes: changes.slice(0, limit) }),
    }
    process.stdout.write(`${JSON.stringify(data, null, process.stdout.isTTY ? 2 : undefined)}\n`)
    return
  }
  const terminal = terminalOf()
  const parts = [cpuSummary(terminal, after.totals, after.flame)]
  if (changes !== undefined && before !== undefined) parts.push(changeTable(terminal, before.flame, after.flame, changes.slice(0, limit)))
  else parts.push(functionTable(terminal, after.flame, functions.slice(0, limit)), spanTable(terminal, after.flame, spans.slice(0, limit)))
  process.stdout.write(`${parts.join('\n\n')}\n`)
}

async function read(options: CommonOptions, filter: CpuFilter): Promise<{ flame: FlameData; totals: CpuTotals }> {
  const reader = await openNamedSession(options)
  try {
    return { totals: await profiledTotals(reader), flame: await loadFlame(reader, filter) }
  } finally {
    reader.close()
  }
}

/** The totals of a session, which must hold a CPU profile. */
export async function profiledTotals(reader: SessionReader): Promise<CpuTotals> {
  const totals = await cpuTotals(reader)
  if (totals !== undefined) return totals
  throw new PerfError(
    'NO_PROFILE',
    `Session ${reader.session.name} holds no CPU profile. Record one with: PERF_CPU=on node --import @perf/agent app.js`,
  )
}

function pageOf(flame: FlameData, totals: CpuTotals, before: FlameData | undefined): string {
  const facts = [
    `${duration(flame.us / 1000)} of CPU in ${counted(flame.samples, 'sample')}, one every ${duration(totals.intervalUs / 1000)}`,
    ...(flame.filter === '' ? [] : [flame.filter]),
    ...(before === undefined ? [] : [`against ${before.session} (${duration(before.us / 1000)}), scaled to the same total`]),
  ]
  return flamePage({
    title: `CPU of ${flame.session}`,
    subtitle: facts.join(' · '),
    tree: flameTree(flame, before),
    isComparison: before !== undefined,
  })
}
