import type { AiReport } from '../../../analysis/ai/ai-report.ts'
import type { ModelUse } from '../../../analysis/ai/models.ts'
import { shellWord } from '../../../analysis/shell-word.ts'
import { findingsTable } from '../findings.ts'
import { count, counted, duration, money, share } from '../format.ts'
import { oneLine, table, type TableColumn } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { wrap } from '../wrap.ts'
import { choices } from './choices.ts'

const right = (head: string): TableColumn => ({ head, align: 'right' })
const left = (head: string): TableColumn => ({ head, flexible: true })

/** `perf-agent report --ai` as text for the terminal. */
export function renderAiReport(terminal: Terminal, data: AiReport, more: readonly string[] = []): string {
  const { paint } = terminal
  if (data.calls === 0) return `${paint.bold(data.session)}\nNo AI call was recorded in this session.\n`
  const sections = [
    `${paint.bold(data.session)}  ${count(data.calls)} AI calls`,
    section(terminal, 'What to change', findingsTable(terminal, data.findings.slice(0, 5), data.findings.length)),
    section(terminal, 'By model', models(terminal, data)),
    section(terminal, 'Speed by model', speed(terminal, data)),
    section(terminal, 'Fallbacks', fallbacks(terminal, data)),
    section(terminal, 'Conversations', conversationTable(terminal, data)),
    section(terminal, 'What another model would have cost', routing(terminal, data)),
    section(terminal, 'Choices and rewards', choices(terminal, data.choices)),
    section(terminal, 'Several models for one question', questions(terminal, data)),
    ...more,
    section(terminal, 'Pipelines', pipelines(terminal, data)),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

/** A title and what stands below it; nothing for nothing. */
export function section(terminal: Terminal, title: string, body: string): string {
  return body === '' ? '' : `${terminal.paint.bold(title)}\n${body}`
}

function models(terminal: Terminal, { models: rows }: AiReport): string {
  const columns = [left('model'), ...['calls', 'in', 'cached', 'out', 'cost', '$/1k', 'ok', 'fell back'].map(right)]
  return table(
    terminal,
    columns,
    rows.map((row) => [
      modelName(row), count(row.calls), count(row.input_tokens), row.input_tokens === 0 ? '-' : share(row.cached_tokens, row.input_tokens), count(row.output_tokens),
      money(row.cost_usd), money(row.usd_per_1k), percent(terminal, row.success), count(row.fallbacks_from),
    ]), // prettier-ignore
  )
}

function speed(terminal: Terminal, { models: rows }: AiReport): string {
  const columns = [left('model'), ...['p50', 'p95', 'first token', 'longest gap', 'tokens/s', 'retries', 'cut off'].map(right)]
  return table(
    terminal,
    columns,
    rows.map((row) => [modelName(row), duration(row.p50_ms), duration(row.p95_ms), duration(row.first_token_p50_ms), duration(row.gap_p95_ms), count(row.tokens_per_second), count(row.retries), count(row.cut_off),]), // prettier-ignore
  )
}

const modelName = ({ model, operation }: ModelUse): string =>
  oneLine(`${model ?? '(unknown)'}${operation === 'chat' || operation === null ? '' : ` (${operation})`}`)

function percent(terminal: Terminal, rate: number): string {
  const text = rate === 1 ? '100%' : `${(Math.floor(rate * 1000) / 10).toFixed(1)}%`
  return rate < 0.95 ? terminal.paint.red(text) : text
}

function fallbacks(terminal: Terminal, { fallbacks: rows }: AiReport): string {
  if (rows.length === 0) return ''
  return table(
    terminal,
    [right('count'), left('from'), left('to'), left('because of'), right('saved'), right('lost'), { head: 'trace' }],
    rows.map((row) => [
      count(row.count), oneLine(row.model ?? '?'), oneLine(row.to ?? '?'), oneLine(row.error_type ?? '-'), share(row.saved, row.count), duration(row.lost_ms), row.trace_id.slice(0, 8),
    ]), // prettier-ignore
  )
}

function conversationTable(terminal: Terminal, { conversations: { list, total, calls_outside: outside } }: AiReport): string {
  if (list.length === 0)
    return outside === 0
      ? ''
      : terminal.paint.dim(wrap('None known: no call names one. See docs/ai.md, `conversation(id)`.', terminal.width))
  const rows = list.map((row) => [
    oneLine(row.conversation), count(row.turns), count(row.calls), count(row.tool_calls), count(row.input_tokens), count(row.output_tokens), money(row.cost_usd),
    duration(row.duration_ms), row.growth === null || row.calls < 2 ? '' : `x${row.growth.toFixed(1)}`, row.errors > 0 ? terminal.paint.red(count(row.errors)) : '0',
  ]) // prettier-ignore
  const columns = [left('conversation'), ...['turns', 'calls', 'tools', 'in', 'out', 'cost', 'time', 'prompt', 'err'].map(right)]
  const notes = [
    ...(total > list.length ? [`+ ${count(total - list.length)} more`] : []),
    ...(outside > 0 ? [`${counted(outside, 'call')} ${outside === 1 ? 'belongs' : 'belong'} to none`] : []),
    `one of them: perf-agent report --conversation ${shellWord(oneLine(list[0]?.conversation ?? ''))}`,
  ]
  return `${table(terminal, columns, rows)}\n${terminal.paint.dim(notes.map((note) => wrap(note, terminal.width)).join('\n'))}`
}

function routing(terminal: Terminal, { routing: { list, assumptions } }: AiReport): string {
  if (list.length === 0) return ''
  const columns = [left('calls of'), left('at'), ...['calls', 'cost', 'would be', 'p50', 'would be', 'ok', 'its ok'].map(right)]
  const rows = list.map((row) => [
    oneLine(row.model), oneLine(row.instead), count(row.calls), money(row.cost_usd), money(row.instead_usd), duration(row.p50_ms), duration(row.instead_p50_ms),
    percent(terminal, row.success), percent(terminal, row.instead_success),
  ]) // prettier-ignore
  return `${table(terminal, columns, rows)}\n${terminal.paint.dim(wrap(`Assumed: ${assumptions.join('; ')}.`, terminal.width))}`
}

function questions(terminal: Terminal, { questions: { total, calls, cost_usd: cost, extra_usd: extra, experts, list } }: AiReport): string {
  if (total === 0) return ''
  const columns = [left('model'), ...['asked', 'answered', 'p50', 'cost', 'answer', 'same', 'rewarded', 'reward'].map(right)]
  const rows = experts.map((row) => [
    oneLine(row.model), count(row.questions), count(row.answered), duration(row.p50_ms), money(row.cost_usd), row.answer_bytes === null ? '-' : `${count(row.answer_bytes)} B`,
    row.same_answer === null ? '-' : share(row.same_answer, 1), row.rewarded === null ? '-' : count(row.rewarded), row.mean_reward === null ? '-' : row.mean_reward.toFixed(2),
  ]) // prettier-ignore
  const head = `${counted(total, 'question')}, ${counted(calls, 'call')}${cost === null ? '' : `, ${money(cost)}; all but the cheapest answers ${money(extra)}`}`
  const [first] = list
  const example =
    first === undefined
      ? ''
      : `\n${terminal.paint.dim(`the most expensive one, in ${oneLine(first.caller ?? '(top level)')}, trace ${first.trace_id.slice(0, 8)}:`)}\n${answers(terminal, first)}`
  return `${head}\n${table(terminal, columns, rows)}${example}`
}

function answers(terminal: Terminal, { answers: rows }: AiReport['questions']['list'][number]): string {
  return table(
    terminal,
    [left('  model'), { head: 'status' }, ...['time', 'cost', 'tokens', 'bytes'].map(right), { head: 'answer' }, right('reward')],
    rows.map((row) => [
      `  ${oneLine(row.model)}`, row.status === 'error' ? terminal.paint.red('failed') : 'ok', duration(row.duration_ms), money(row.cost_usd),
      count(row.output_tokens), count(row.answer_bytes), row.answer_hash ?? '-', row.reward === null ? '' : row.reward.toFixed(2),
    ]), // prettier-ignore
  )
}

function pipelines(terminal: Terminal, { pipelines: rows }: AiReport): string {
  if (rows.length === 0) return ''
  const columns = [left('pipeline'), { head: 'layer' }, ...['runs', 'stages', 'total'].map(right)]
  const text = table(terminal, columns, rows.map((row) => [oneLine(row.name), row.layer, count(row.runs), count(row.stages), duration(row.total_ms)])) // prettier-ignore
  return `${text}\n${terminal.paint.dim(wrap(`a picture of one: perf-agent report --pipeline ${shellWord(oneLine(rows[0]?.name ?? ''))} (--svg <file>)`, terminal.width))}`
}
