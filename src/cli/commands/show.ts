import { findAll } from '../../analysis/find.ts'
import { PerfError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { renderFinding } from '../render/findings.ts'
import { terminalOf } from '../render/terminal.ts'
import { trace } from './trace.ts'

/** `perf-agent show <id>`: a finding with its evidence and advice; an id of hex digits is a trace or span. */
export async function show(id: string, options: CommonOptions): Promise<void> {
  if (/^[0-9a-f]{4,32}$/i.test(id)) return trace(id, { ...options, attributes: true })
  const reader = await openNamedSession(options)
  try {
    const found = (await findAll(reader)).filter((finding) => finding.id.startsWith(id))
    const [finding] = found
    if (finding === undefined)
      throw new PerfError('FINDING_NOT_FOUND', `No finding '${id}' in this session; 'perf-agent findings' lists them.`)
    if (found.length > 1)
      throw new PerfError(
        'FINDING_NOT_FOUND',
        `'${id}' fits ${found.length} findings; give the whole id, as 'perf-agent findings' shows it.`,
      )
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(finding, null, process.stdout.isTTY ? 2 : undefined)}\n`
        : renderFinding(terminalOf(), finding),
    )
  } finally {
    reader.close()
  }
}
