import { compareSelections, type CompareData, type CompareSelectionsOptions } from '../../analysis/compare/compare-selections.ts'
import { compareVariants } from '../../analysis/compare/compare-variants.ts'
import { dimensions, type DimensionName } from '../../analysis/compare/dimensions.ts'
import { readSelection, type Selection } from '../../analysis/compare/selection.ts'
import { UsageError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { ownPrices, sessionsDir } from '../open.ts'
import { compareJson, samplesJson } from '../render/compare-json.ts'
import { compareText } from '../render/compare.ts'
import { showProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { variantsText } from '../render/variants.ts'
import { positiveInteger } from './report.ts'

export interface CompareOptions extends CommonOptions {
  by?: string
  sameWithin?: string
  failOn?: 'slower' | 'worse'
  limit?: string
  variants?: string
}

/** `perf-agent compare A B`: what got slower, faster, costlier between two selections of spans. Exit code 1 by `--fail-on`. */
export async function compare(texts: string[], options: CompareOptions): Promise<number> {
  if (options.variants !== undefined) return await listVariants(texts, options.variants, options)
  const limit = positiveInteger('--limit', options.limit ?? '20')
  const selections = selectionsOf(texts, options)
  const by = dimensionOf(options.by, selections)
  const sameWithin = percent(options.sameWithin ?? '5%')
  const prices = await ownPrices()
  const data = await withComparisonProgress((onProgress) =>
    compareSelections(...selections, { by, sameWithin, sync: { prices }, onProgress }),
  )
  const empty = options.failOn === undefined ? undefined : data.sides.find(({ spans }) => spans === 0)
  if (empty !== undefined) throw new UsageError(`--fail-on has nothing to judge: '${empty.text}' selects no spans.`)
  if (options.json === true)
    process.stdout.write(`${JSON.stringify(compareJson(data, sameWithin), null, process.stdout.isTTY ? 2 : undefined)}\n`)
  else process.stdout.write(compareText(terminalOf(), data, { limit, sameWithin }))
  return isBad(data, options.failOn) ? 1 : 0
}

/** `--variants search`: every version of a function's source that was recorded. */
async function listVariants(texts: readonly string[], target: string, options: CompareOptions): Promise<number> {
  const sameWithin = percent(options.sameWithin ?? '5%')
  const selection = readSelection(sessionsDir(options), texts.join(','), options.session)
  const prices = await ownPrices()
  const variants = await withComparisonProgress((onProgress) =>
    compareVariants(selection, target, { sameWithin, sync: { prices }, onProgress }),
  )
  if (variants.length === 0)
    throw new UsageError(
      `No variant of '${target}' was recorded; sources are kept of tools (PERF_TOOLS), named like search or tool.search.`,
    )
  const json = variants.map((variant) => ({
    ...variant,
    against_before: variant.against_before === null ? null : samplesJson(variant.against_before),
  }))
  if (options.json === true) process.stdout.write(`${JSON.stringify(json, null, process.stdout.isTTY ? 2 : undefined)}\n`)
  else process.stdout.write(variantsText(terminalOf(), target, variants))
  return options.failOn !== undefined && variants.at(-1)?.against_before?.verdict === 'slower' ? 1 : 0
}

function selectionsOf(texts: readonly string[], options: CommonOptions): [Selection, Selection] {
  if (texts.length > 2)
    throw new UsageError(
      `Compare two selections, not ${texts.length}: perf-agent compare last~1 last (commas join conditions: tag:main,model:gpt-4o).`,
    )
  const [a = 'last~1', b = 'last'] = texts
  const dir = sessionsDir(options)
  return [readSelection(dir, a, options.session), readSelection(dir, b, options.session)]
}

/** By name; two models have no name in common, there by layer. */
function dimensionOf(by: string | undefined, selections: readonly Selection[]): DimensionName {
  if (by === undefined) return selections.some(({ fixes }) => fixes.has('model')) ? 'layer' : 'name'
  if (Object.hasOwn(dimensions, by)) return by as DimensionName
  throw new UsageError(`'${by}' is nothing to compare by; there are ${Object.keys(dimensions).join(', ')}.`)
}

/** `5%` or `0.05` as 0.05. */
export function percent(text: string): number {
  const [, digits = '', sign = ''] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text) ?? []
  const value = Number(digits) / (sign === '%' ? 100 : 1)
  if (digits === '' || value >= 1) throw new UsageError(`'${text}' is not a share: write 5% or 0.05.`)
  return value
}

/** Runs a comparison with a progress line that names the session being read. */
export async function withComparisonProgress<T>(
  run: (onProgress: NonNullable<CompareSelectionsOptions['onProgress']>) => Promise<T>,
): Promise<T> {
  const progress = showProgress('Comparing')
  try {
    return await run((detail) => progress.update(detail))
  } finally {
    progress.end()
  }
}

function isBad(data: CompareData, failOn: CompareOptions['failOn']): boolean {
  if (failOn === undefined) return false
  return data.groups.some(
    ({ duration, errors, usage }) =>
      duration.verdict === 'slower' ||
      (failOn === 'worse' && (errors?.verdict === 'slower' || Object.values(usage).some(({ verdict }) => verdict === 'slower'))),
  )
}
