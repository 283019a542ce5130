import { ID, SPAN, PROCESS, WEIGHT, AGENT } from './columns.ts'
import type { ViewDoc } from './columns.ts'

/** Conversations, rewards and scores. */
export const aiViews = {
  conversations: {
    doc: 'Conversations with their totals, over all traces they span (docs/ai.md).',
    columns: {
      conversation: '`ai_calls.conversation`',
      source: '`ai_calls.conversation_source` of its first kind',
      start_time: 'when its first call began (UTC)',
      end_time: 'when its last call ended (UTC)',
      calls: 'AI calls',
      traces: 'traces they are in',
      input_tokens: 'including cached ones',
      output_tokens: 'including reasoning',
      cache_read_tokens: 'input tokens read from the prompt cache',
      cost_usd: 'US dollars; null for unknown models',
      duration_ms: 'time of the calls, added up',
      errors: 'calls that failed',
      models: 'models that were used',
    },
  },
  rewards: {
    doc: 'What the app said an answer or a choice was worth: `reward()` of `@perf/agent/api`, and any event `gen_ai.evaluation.result`.',
    columns: {
      span_id: `${ID} of the span it was said of`,
      trace_id: SPAN.trace_id,
      time: 'when (UTC)',
      choice: '`gen_ai.evaluation.name`: what was chosen or judged',
      option: 'which option was taken',
      value: '`gen_ai.evaluation.score.value`: what it was worth',
      best: 'what the best option would have been worth, where the app said so',
      explanation: '`gen_ai.evaluation.explanation`',
      ai_span_id: 'the AI call it is about: by `gen_ai.response.id`, or the span itself',
      ...PROCESS,
      ...WEIGHT,
      span_key: '`spans.span_key`',
    },
  },
  scores: {
    doc: 'What the quality scorers gave (`perf-agent score`, docs/ai.md): a row per call and scorer.',
    columns: {
      span_id: ID,
      trace_id: SPAN.trace_id,
      session: SPAN.session,
      layer: '`ai`, `tool`',
      name: SPAN.name,
      tool: 'name of the tool',
      ...AGENT,
      model: '`ai_calls.model`',
      scorer: 'name of the scorer',
      score: '0 … 1; null where it gave none',
      scorer_weight: 'how much it counts beside the others',
      outcome: '`scored`, `skipped` (nothing for it to judge), `unknown` (content was not recorded), `threw`, `timeout`, `invalid`',
      reason: 'one sentence',
      start_time: SPAN.start_time,
      ...WEIGHT,
    },
  },
} satisfies Record<string, ViewDoc>
