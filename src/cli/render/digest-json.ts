import type { Finding } from '../../analysis/finding.ts'
import type { VariantCode } from '../../analysis/digest/code.ts'
import { UsageError } from '../../errors.ts'
import { fit, type Fitted, type Piece } from '../../analysis/digest/fit.ts'
import type { ReportData } from '../../analysis/report.ts'
import { FINDING_FORMS, planOf, type DigestOptions } from './digest.ts'

/** Tables of the report that a digest may take along. */
const SECTIONS = ['layers', 'traces', 'errors', 'ai', 'endpoints', 'queries', 'names', 'stalls'] as const
type Section = (typeof SECTIONS)[number]

/** What `report --format json --budget` prints; `docs/digest.schema.json` describes it. */
interface Digest {
  version: 1
  budget: number
  session: ReportData['session']
  totals: ReportData['totals']
  gaps: ReportData['gaps']['counters']
  /** `level` `full`: everything; `line`: what it is and what it costs. */
  findings: ({ level: 'full' } & Finding)[] | unknown[]
  /** Findings that had no room, by kind. */
  more: Record<string, number>
  code: VariantCode[]
}

/** The report as JSON, at most `budget` tokens. */
export function renderDigestJson({ data, code, budget, count }: DigestOptions): Fitted {
  const { findings } = data
  const tables = SECTIONS.map((id) => [id, rowsOf(data, id)] as const).filter(([, rows]) => rows.length > 0)
  const pieces: Piece[] = [
    ...findings.map((finding) => ({
      id: finding.id,
      forms: ['', `${JSON.stringify(inLine(finding))},`, `${JSON.stringify(inFull(finding))},`],
    })),
    ...tables.map(([id, rows]) => ({ id, forms: ['', `${JSON.stringify(id)}:${JSON.stringify(rows)},`] })),
    ...code.map((variant) => ({ id: variant.variant, forms: ['', `${JSON.stringify(variant)},`] })),
  ]
  const plan = planOf(
    findings,
    tables.map(([id]) => id),
    code.map(({ variant }) => variant),
  )
  const fitted = fit({
    pieces,
    plan,
    budget,
    count,
    assemble: (forms) => `${JSON.stringify(digestOf(data, code, tables, forms, budget))}\n`,
  })
  if (fitted.isCut) throw new UsageError(`--budget ${budget} is too little for JSON of this session; --format md fits into any.`)
  return fitted
}

function digestOf(
  data: ReportData,
  code: readonly VariantCode[],
  tables: readonly (readonly [Section, unknown[]])[],
  forms: ReadonlyMap<string, number>,
  budget: number,
): Digest {
  const more: Record<string, number> = {}
  for (const { id, kind } of data.findings) if (forms.get(id) === FINDING_FORMS.counted) more[kind] = (more[kind] ?? 0) + 1
  return {
    version: 1,
    budget,
    session: data.session,
    totals: data.totals,
    gaps: data.gaps.counters,
    findings: data.findings.flatMap((finding) => {
      const form = forms.get(finding.id)
      if (form === FINDING_FORMS.counted) return []
      return [form === FINDING_FORMS.full ? inFull(finding) : inLine(finding)]
    }),
    more,
    ...Object.fromEntries(tables.filter(([id]) => forms.get(id) === 1)),
    code: code.filter(({ variant }) => forms.get(variant) === 1),
  }
}

const inFull = (finding: Finding): object => ({ level: 'full', ...finding })
const inLine = ({ id, kind, severity, title, cost }: Finding): object => ({ level: 'line', id, kind, severity, title, cost })

function rowsOf(data: ReportData, section: Section): unknown[] {
  if (section === 'stalls') return data.loop?.stalls ?? []
  if (section === 'traces') return data.traces.map(({ waterfall: _waterfall, hidden: _hidden, ...trace }) => trace)
  return data[section]
}
