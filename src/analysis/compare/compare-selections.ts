import { adjustProbabilities } from '../statistics/adjust-probabilities.ts'
import { compareRates, judgeRates, type RateComparison } from '../statistics/compare-rates.ts'
import { adjustComparisons, compareSamples, type CompareOptions, type SampleComparison } from '../statistics/compare-samples.ts'
import type { SyncOptions } from '../../store/analytics/sync.ts'
import { listOf } from './group-samples.ts'
import { dimensions, type Dimension, type DimensionName } from './dimensions.ts'
import { eachSession, readSamples, readTotals, type GroupSamples, type GroupTotals, type WantedGroup } from './read-groups.ts'
import type { Selection } from './selection.ts'

/** What is compared besides durations, where it was recorded. */
export type UsageMetric = 'self_cpu_ms' | 'input_tokens' | 'output_tokens' | 'cost_usd'

/** One group on both sides; A comes first in every pair. */
export interface ComparedGroup {
  layer: string
  key: string
  /** By weight. */
  calls: [number, number]
  total_ms: [number, number]
  duration: SampleComparison
  /** Null where nothing failed. */
  errors: RateComparison | null
  /** Per call. */
  usage: Partial<Record<UsageMetric, SampleComparison>>
}

/** One side as it was found. */
export interface SideFacts {
  text: string
  /** Those that hold such spans, oldest first. */
  sessions: string[]
  commits: string[]
  spans: number
  /** Sessions that could not be read. */
  problems: string[]
}

export interface CompareData {
  by: DimensionName
  sides: [SideFacts, SideFacts]
  /** Slower first, then faster, the same, not enough data; within these those with most time first. */
  groups: ComparedGroup[]
  /** Groups only one side has. */
  only: [GroupTotals[], GroupTotals[]]
  /** Groups on both sides that were left out because others take more time. */
  left_out: number
}

export interface CompareSelectionsOptions extends CompareOptions {
  by: DimensionName
  sync?: SyncOptions
  onProgress?: (detail: string) => void
}

/** Groups that are compared, those with most time first. */
const MAX_GROUPS = 200
/** Samples of one group and side. */
const MAX_SAMPLES = 20_000
/** Samples of all groups of one side. */
const MAX_SAMPLES_OF_SIDE = 250_000

/** Compares what two selections of spans have in common, group by group, corrected for the number of groups. */
export async function compareSelections(a: Selection, b: Selection, options: CompareSelectionsOptions): Promise<CompareData> {
  const dimension = dimensions[options.by]
  const totals = [await totalsOf(a, dimension, options), await totalsOf(b, dimension, options)] as const
  const common = [...totals[0].groups].flatMap(([id, first]) => {
    const second = totals[1].groups.get(id)
    return second === undefined ? [] : [{ id, first, second }]
  })
  common.sort((x, y) => y.first.total_ms + y.second.total_ms - x.first.total_ms - x.second.total_ms)
  const compared = common.slice(0, MAX_GROUPS)
  const samples = [
    await samplesOf(a, dimension, compared.map(({ first }) => first), options),
    await samplesOf(b, dimension, compared.map(({ second }) => second), options),
  ] as const // prettier-ignore
  const groups = compared.map(({ first, second }, i) => compareGroup(first, second, samples[0][i] ?? [], samples[1][i] ?? [], options))
  return {
    by: options.by,
    sides: [totals[0].facts, totals[1].facts],
    groups: inOrder(adjustGroups(groups, options)),
    only: [onlyIn(totals[0].groups, totals[1].groups), onlyIn(totals[1].groups, totals[0].groups)],
    left_out: common.length - compared.length,
  }
}

const idOf = ({ layer, key }: { layer: string; key: string }): string => `${layer}\0${key}`

interface SideTotals {
  groups: Map<string, GroupTotals>
  facts: SideFacts
}

async function totalsOf(selection: Selection, dimension: Dimension, options: CompareSelectionsOptions): Promise<SideTotals> {
  const groups = new Map<string, GroupTotals>()
  const facts: SideFacts = { text: selection.text, sessions: [], commits: [], spans: 0, problems: [] }
  facts.problems = await eachSession(selection, options.sync ?? {}, async (reader, where) => {
    options.onProgress?.(reader.session.name)
    const rows = await readTotals(reader, dimension, where)
    if (rows.length === 0) return
    facts.sessions.push(reader.session.name)
    const commit = reader.session.json.gitCommit
    if (typeof commit === 'string' && !facts.commits.includes(commit)) facts.commits.push(commit)
    for (const row of rows) {
      const known = groups.get(idOf(row))
      facts.spans += row.spans
      if (known === undefined) groups.set(idOf(row), row)
      else for (const sum of ['spans', 'calls', 'total_ms', 'errors'] as const) known[sum] += row[sum]
    }
  })
  return { groups, facts }
}

/** The samples of each group, one list per session that has some, oldest session first. */
async function samplesOf(
  selection: Selection,
  dimension: Dimension,
  groups: readonly GroupTotals[],
  options: CompareSelectionsOptions,
): Promise<GroupSamples[][]> {
  const cap = Math.min(MAX_SAMPLES, Math.ceil(MAX_SAMPLES_OF_SIDE / Math.max(1, groups.length)))
  // The same share of each session, so that weights stay as they are.
  const wanted: WantedGroup[] = groups.map(({ layer, key, spans }) => ({ layer, key, share: Math.min(1, cap / spans) }))
  const all: GroupSamples[][] = groups.map(() => [])
  await eachSession(selection, options.sync ?? {}, async (reader, where) => {
    options.onProgress?.(reader.session.name)
    for (const [i, samples] of (await readSamples(reader, dimension, where, wanted)).entries())
      if (samples !== undefined) all[i]?.push(samples)
  })
  return all
}

function compareGroup(
  first: GroupTotals,
  second: GroupTotals,
  a: readonly GroupSamples[],
  b: readonly GroupSamples[],
  options: CompareOptions,
): ComparedGroup {
  const usage: ComparedGroup['usage'] = {}
  for (const metric of ['self_cpu_ms', 'input_tokens', 'output_tokens', 'cost_usd'] as const) {
    const [samplesA, samplesB] = [listOf(a, metric), listOf(b, metric)]
    if (samplesA.length > 0 && samplesB.length > 0) usage[metric] = compareSamples(samplesA, samplesB, options)
  }
  return {
    layer: first.layer,
    key: first.key,
    calls: [first.calls, second.calls],
    total_ms: [first.total_ms, second.total_ms],
    duration: compareSamples(listOf(a, 'duration_ms'), listOf(b, 'duration_ms'), options),
    errors:
      first.errors + second.errors === 0
        ? null
        : {
            ...compareRates(listOf(a, 'failed'), listOf(b, 'failed'), options),
            rates: [first.errors / first.calls, second.errors / second.calls],
          },
    usage,
  }
}

/** Corrects each metric for the number of groups it was compared in. */
function adjustGroups(groups: readonly ComparedGroup[], options: CompareOptions): ComparedGroup[] {
  const durations = adjustComparisons(groups.map(({ duration }) => duration), options) // prettier-ignore
  const rates = groups.flatMap(({ errors }) => (errors === null ? [] : [errors]))
  const probabilities = adjustProbabilities(rates.map(({ p }) => p))
  const adjusted = groups.map((group, i) => {
    const at = group.errors === null ? -1 : rates.indexOf(group.errors)
    const errors = group.errors === null ? null : judgeRates({ ...group.errors, p: probabilities[at] ?? 1 }, options)
    return { ...group, duration: durations[i] ?? group.duration, errors, usage: { ...group.usage } }
  })
  for (const metric of ['self_cpu_ms', 'input_tokens', 'output_tokens', 'cost_usd'] as const) {
    const owners = adjusted.filter(({ usage }) => usage[metric] !== undefined)
    const comparisons = adjustComparisons(owners.flatMap(({ usage }) => usage[metric] ?? []), options) // prettier-ignore
    for (const [i, owner] of owners.entries()) {
      const comparison = comparisons[i]
      if (comparison !== undefined) owner.usage[metric] = comparison
    }
  }
  return adjusted
}

const RANK = { slower: 0, faster: 1, same: 2, 'not enough data': 3 } as const

function inOrder(groups: ComparedGroup[]): ComparedGroup[] {
  const weight = ({ total_ms: [a, b] }: ComparedGroup): number => a + b
  return groups.sort((x, y) => RANK[x.duration.verdict] - RANK[y.duration.verdict] || weight(y) - weight(x) || (idOf(x) < idOf(y) ? -1 : 1))
}

function onlyIn(groups: ReadonlyMap<string, GroupTotals>, other: ReadonlyMap<string, GroupTotals>): GroupTotals[] {
  return [...groups].filter(([id]) => !other.has(id)).map(([, group]) => group).sort((a, b) => b.total_ms - a.total_ms) // prettier-ignore
}
