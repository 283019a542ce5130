import type { ConversationStep } from '../../../analysis/ai/conversations.ts'
import { count, duration, money } from '../format.ts'
import { oneLine, table, type TableColumn } from '../table.ts'
import type { Terminal } from '../terminal.ts'

/** The course of a conversation, a line for each call and tool. */
export function renderCourse(terminal: Terminal, conversation: string, steps: readonly ConversationStep[]): string {
  const right = (head: string): TableColumn => ({ head, align: 'right' })
  const has = (key: 'first_token_ms' | 'cached_tokens'): boolean => steps.some((step) => step[key] !== null)
  // A name takes the room of what no call has.
  const columns: (TableColumn & { isLeftOut?: boolean })[] = [
    right('turn'),
    right('at'),
    { head: 'what', flexible: true },
    right('took'),
    { ...right('first'), isLeftOut: !has('first_token_ms') },
    right('in'),
    { ...right('cached'), isLeftOut: !has('cached_tokens') },
    ...['out', 'so far'].map(right),
    { head: 'end' },
    { head: 'trace' },
  ]
  const shown = <T>(cells: readonly T[]): T[] => cells.filter((_, i) => columns[i]?.isLeftOut !== true)
  let turn = 0
  const rows = steps.map((step) => {
    const isNew = step.turn !== turn
    turn = step.turn
    return [
      isNew ? count(step.turn) : '', duration(step.at_ms), oneLine(step.layer === 'tool' ? `  ${step.name}()` : step.name), duration(step.duration_ms),
      step.layer === 'tool' ? '' : duration(step.first_token_ms), tokens(step.input_tokens), tokens(step.cached_tokens), tokens(step.output_tokens),
      step.layer === 'tool' ? '' : money(step.so_far_usd), endOf(terminal, step), isNew ? step.trace_id.slice(0, 8) : '',
    ] // prettier-ignore
  })
  return `${terminal.paint.bold(`Conversation ${oneLine(conversation)}`)}\n${table(terminal, shown(columns), rows.map(shown))}\n`
}

const tokens = (value: number | null): string => (value === null ? '' : count(value))

function endOf(terminal: Terminal, { status, error_type: error, finish_reasons: reasons }: ConversationStep): string {
  if (status === 'error') return terminal.paint.red(oneLine(error ?? 'failed'))
  return status === 'open' ? 'open' : oneLine(reasons?.[0] ?? '')
}
