import type { AiGlance } from '../../../analysis/ai/glance.ts'
import { shellWord } from '../../../analysis/shell-word.ts'
import { counted, money } from '../format.ts'
import { oneLine } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { wrap } from '../wrap.ts'
import { dropLine } from './quality.ts'

/** Drops of quality that are told one by one. */
const MOST_DROPS = 5

/** Conversations and quality in a few lines, and which command shows the rest. */
export function glance(terminal: Terminal, { conversations, quality }: AiGlance): string {
  const { paint, width } = terminal
  const lines = [wrap(conversationLine(conversations), width)]
  if (quality !== null) {
    const { scores, quality: reports, earlier } = quality
    const drops = reports.filter(({ verdict }) => verdict === 'drop')
    const against = earlier.length === 0 ? ', no earlier session to compare with' : drops.length === 0 ? againstText(quality) : ''
    lines.push(wrap(`Quality ${scores.overall?.toFixed(3) ?? '-'} over ${counted(scores.calls, 'call')}${against}.`, width))
    lines.push(...drops.slice(0, MOST_DROPS).map((drop) => paint.red(wrap(capital(dropLine(drop)), width))))
    if (drops.length > MOST_DROPS) lines.push(`+ ${counted(drops.length - MOST_DROPS, 'more drop')}`)
  }
  const more = [
    ...(conversations.first === null
      ? []
      : [`One conversation: perf-agent report --conversation ${shellWord(oneLine(conversations.first))}`]),
    quality === null ? 'Quality of answers and tools: perf-agent score' : 'Quality, call by call: perf-agent score',
    'Routing, rewards, several models, pipelines: perf-agent report --ai',
  ]
  return [...lines, ...more.map((line) => paint.dim(wrap(line, width)))].join('\n')
}

function conversationLine({ total, calls, cost_usd: usd, first, first_calls, first_usd }: AiGlance['conversations']): string {
  if (first === null) return 'No conversation is known of these calls.'
  const costs = (value: number | null): string => (value === null ? '' : `, ${money(value)}`)
  const most = total === 1 ? oneLine(first) : `most in ${oneLine(first)} with ${counted(first_calls, 'call')}${costs(first_usd)}`
  return `${counted(total, 'conversation')} of ${counted(calls, 'call')}${costs(usd)}: ${most}.`
}

/** No agent, tool or model got worse: which ones that was asked of. */
function againstText({ quality, earlier }: NonNullable<AiGlance['quality']>): string {
  const kinds = (['agent', 'tool', 'model'] as const).flatMap((kind) => {
    const of = quality.filter((one) => one.kind === kind && one.baseline !== null)
    return of.length === 0 ? [] : [counted(of.length, kind)]
  })
  if (kinds.length === 0) return ''
  return `; ${kinds.join(', ')} no worse than in ${counted(earlier.length, 'earlier session')}`
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)
