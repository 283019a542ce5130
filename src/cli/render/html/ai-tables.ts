import type { PageData } from '../../../analysis/page-data.ts'
import type { AiReport } from '../../../analysis/ai/ai-report.ts'
import type { ChoiceReport } from '../../../analysis/ai/choices.ts'
import { count, counted, money, share } from '../format.ts'
import { code, failed, number, percent, text, type TraceLink } from './columns.ts'
import { dataTable } from './data-table.ts'
import { duration } from './figures.ts'
import { markup, type Markup, type Part } from './markup.ts'
import { pipelinePicture } from './pipeline-picture.ts'
import { qualityTables } from './quality-tables.ts'

// The AI calls: models, fallbacks, conversations, routing, rewards, several models for one question, scores, pipelines.

/** Everything about AI calls for which there is something to show. */
export function aiSection(ai: NonNullable<PageData['ai']>, link: TraceLink): Part {
  const { report } = ai
  const { conversations, routing } = report
  const more = conversations.total - conversations.list.length
  return [
    models(report.models),
    fallbacks(report.fallbacks, link),
    conversationTable(conversations.list),
    more > 0 &&
      markup`<p class="note">+ ${counted(more, 'more conversation')}: <code>perf-agent report --ai --limit ${conversations.total}</code></p>`,
    routingTable(routing.list),
    routing.list.length > 0 && markup`<p class="note">Assumed: ${routing.assumptions.join('; ')}.</p>`,
    report.choices.map(choice),
    experts(report.questions),
    ai.quality !== null && qualityTables(ai.quality, link),
    ai.pipelines.map(pipelinePicture),
  ]
}

type Model = AiReport['models'][number]
const models = (rows: readonly Model[]): Part =>
  dataTable<Model>(
    'By model',
    [
      text('model', (row) => [row.model ?? '(unknown)', row.operation !== null && row.operation !== 'chat' && markup` <span class="note">${row.operation}</span>`, row.provider !== null && markup` <span class="note">${row.provider}</span>`], true),
      number('calls', (row) => row.calls, count),
      number('input', (row) => row.input_tokens, count, 'tokens'),
      number('cached', (row) => (row.input_tokens === 0 ? null : row.cached_tokens / row.input_tokens), percent, 'of the input, by the prompt cache'),
      number('output', (row) => row.output_tokens, count, 'tokens'),
      number('cost', (row) => row.cost_usd, money),
      number('per 1k', (row) => row.usd_per_1k, money, 'US dollars for a thousand tokens'),
      number('first token', (row) => row.first_token_p50_ms, duration, 'median'),
      number('tokens/s', (row) => row.tokens_per_second, count),
      number('p50', (row) => row.p50_ms, duration),
      number('p95', (row) => row.p95_ms, duration),
      number('ok', (row) => row.success, percent),
    ],
    rows,
  ) // prettier-ignore

type Fallback = AiReport['fallbacks'][number]
const fallbacks = (rows: readonly Fallback[], link: TraceLink): Part =>
  dataTable<Fallback>(
    'Fallbacks',
    [
      text('from', (row) => row.model ?? '?', true),
      text('to', (row) => row.to ?? '?'),
      text('because of', (row) => row.error_type ?? '-'),
      number('count', (row) => row.count, count),
      number('helped', (row) => row.saved / Math.max(1, row.count), percent),
      number('lost', (row) => row.lost_ms, duration, 'what the failed attempts took'),
      text('trace', (row) => link(row.trace_id)),
    ],
    rows,
  )

type Conversation = AiReport['conversations']['list'][number]
const conversationTable = (rows: readonly Conversation[]): Part =>
  dataTable<Conversation>(
    'Conversations',
    [
      text('conversation', (row) => code(row.conversation), true),
      number('turns', (row) => row.turns, count),
      number('calls', (row) => row.calls, count),
      number('tools', (row) => row.tool_calls, count),
      number('input', (row) => row.input_tokens, count, 'tokens'),
      number('output', (row) => row.output_tokens, count, 'tokens'),
      number('cost', (row) => row.cost_usd, money),
      number('time', (row) => row.duration_ms, duration, 'what the calls took, added up'),
      number('prompt', (row) => row.growth, (growth) => (growth === null ? '-' : `×${growth.toFixed(1)}`), 'input of the last call by that of the first'),
      failed(),
    ],
    rows,
  ) // prettier-ignore

type Route = AiReport['routing']['list'][number]
const routingTable = (rows: readonly Route[]): Part =>
  dataTable<Route>(
    'What another model would have cost',
    [
      text('calls of', (row) => row.model, true),
      text('at', (row) => row.instead),
      number('calls', (row) => row.calls, count),
      number('cost', (row) => row.cost_usd, money),
      number('would be', (row) => row.instead_usd, money),
      number('p50', (row) => row.p50_ms, duration),
      number('would be', (row) => row.instead_p50_ms, duration),
      number('ok', (row) => row.success, percent),
      number('its ok', (row) => row.instead_success, percent),
    ],
    rows,
  )

function choice(data: ChoiceReport): Part {
  type Option = ChoiceReport['options'][number]
  return [
    dataTable<Option>(
      `Choice ${data.choice}`,
      [
        text('option', (row) => [row.option, row.option === data.best && markup` <span class="note">best</span>`], true),
        number('times', (row) => row.times, count),
        { head: 'mean reward', isNumber: true, cell: (row) => ({ show: row.mean.toFixed(3), value: row.mean }) },
        number('regret', (row) => row.regret, (regret) => (regret ?? 0).toFixed(2)),
        { head: 'share over time', cell: (row) => spark(row.shares) },
        number('at last', (row) => row.last_share, percent),
      ],
      data.options,
    ),
    markup`<p class="note">${counted(data.rewards, 'reward')}, mean ${data.mean.toFixed(3)}; regret ${data.regret.toFixed(2)} (${data.regret_per_choice.toFixed(3)} a choice).</p>`,
  ] // prettier-ignore
}

/** Shares window by window as small bars. */
function spark(shares: readonly number[]): Markup {
  const width = 100 / Math.max(1, shares.length)
  const label = shares.map((value) => share(value, 1)).join(', ')
  return markup`<svg class="spark" role="img" aria-label="${label}">${shares.map((value, i) => markup`<rect class="c-s0" x="${(i * width).toFixed(1)}%" width="${(width * 0.8).toFixed(1)}%" y="${Math.round(20 - value * 20)}" height="${Math.max(1, Math.round(value * 20))}"/>`)}</svg>`
}

type Expert = AiReport['questions']['experts'][number]
function experts({ total, cost_usd, extra_usd, experts: rows }: AiReport['questions']): Part {
  if (total === 0) return false
  return [
    dataTable<Expert>(
      'Several models for one question',
      [
        text('model', (row) => row.model, true),
        number('asked', (row) => row.questions, count),
        number('answered', (row) => row.answered, count),
        number('p50', (row) => row.p50_ms, duration),
        number('cost', (row) => row.cost_usd, money),
        number('same answer', (row) => row.same_answer, percent, 'as another model, letter by letter'),
        number('rewarded', (row) => row.rewarded, count),
        number('mean reward', (row) => row.mean_reward, (mean) => (mean === null ? '-' : mean.toFixed(2))),
      ],
      rows,
    ),
    markup`<p class="note">${counted(total, 'question')} to two models or more${cost_usd !== null && `, ${money(cost_usd)}`}; all but the cheapest answers ${money(extra_usd)}.</p>`,
  ] // prettier-ignore
}
