import { storeFindings } from '../store/analytics/findings.ts'
import type { SessionReader } from '../store/query.ts'
import { findAll } from './find.ts'
import type { Finding } from './finding.ts'

/** Runs the analysis, closes the reader, and puts the result where the view `findings` reads it. */
export async function refreshFindings(reader: SessionReader): Promise<Finding[]> {
  const { session } = reader
  let findings: Finding[]
  try {
    findings = await findAll(reader)
  } finally {
    // A database that is open for reading excludes the writer.
    reader.close()
  }
  await storeFindings(
    session,
    findings.map(({ cost, ...finding }) => ({ ...finding, cost_ms: cost.total_ms, cost_usd: cost.usd })),
  )
  return findings
}
