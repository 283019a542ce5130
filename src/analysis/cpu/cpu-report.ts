import type { SessionReader } from '../../store/query.ts'
import { cpuTotals, loadFlame, type CpuTotals } from './flame-data.ts'
import { functionsOf, spansOf, type FunctionCpu, type SpanCpu } from './functions.ts'

/** What a report says about the CPU; microseconds. */
export interface CpuReport {
  totals: CpuTotals
  spans: SpanCpu[]
  functions: FunctionCpu[]
}

/** CPU by span and by function; null when the session holds no CPU profile. */
export async function cpuReport(reader: SessionReader, limit: number): Promise<CpuReport | null> {
  const totals = await cpuTotals(reader)
  if (totals === undefined) return null
  const flame = await loadFlame(reader, {})
  return { totals, spans: spansOf(flame).slice(0, limit), functions: functionsOf(flame).slice(0, limit) }
}
