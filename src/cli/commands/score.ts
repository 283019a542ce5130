import { openNamedSession } from '../open.ts'
import type { CommonOptions } from '../command.ts'
import { renderQuality } from '../render/ai/quality.ts'
import { terminalOf } from '../render/terminal.ts'
import { qualityOf, scoreSessions } from '../score-sessions.ts'
import { positiveInteger } from './report.ts'

/** `perf-agent score`: runs the quality scorers over a recorded session; 1 when the quality of an agent, tool or model dropped. */
export async function score(_: undefined, options: CommonOptions & { scorers?: string; limit?: string; again?: boolean }): Promise<number> {
  const limit = positiveInteger('--limit', options.limit ?? '2000')
  const { earlier, ensured } = await scoreSessions({ ...options, limit })
  const reader = await openNamedSession({ ...options, sync: false })
  try {
    const quality = await qualityOf(reader, earlier, ensured, 10)
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ session: reader.session.name, ...quality }, null, process.stdout.isTTY ? 2 : undefined)}\n`
        : `${renderQuality(terminalOf(), quality) || 'Nothing to score: no AI call or tool call was recorded in this session.'}\n`,
    )
    return quality.quality.some(({ verdict }) => verdict === 'drop') ? 1 : 0
  } finally {
    reader.close()
  }
}
