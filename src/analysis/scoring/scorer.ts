/** One AI call or tool call as a scorer sees it. What was not recorded is null: contents without `PERF_CAPTURE`, for one. */
export interface ScoreCase {
  kind: 'ai' | 'tool'
  spanId: string
  traceId: string
  name: string
  model: string | null
  tool: string | null
  agent: string | null
  conversation: string | null
  status: string
  errorType: string | null
  /** What the model was sent, message by message; of a tool its arguments, as one message. */
  messages: { role: string; text: string }[] | null
  /** What the model answered, or the tool gave, as text; an empty text is an answer without any. */
  answer: string | null
  /** The recorded text was cut: its end is missing. */
  promptCut: boolean
  answerCut: boolean
  promptBytes: number | null
  answerBytes: number | null
  inputTokens: number | null
  outputTokens: number | null
  costUsd: number | null
  durationMs: number
  firstTokenMs: number | null
  finishReasons: string[] | null
  /** Tools the model asked for. */
  toolCalls: string[] | null
  /** `gen_ai.output.type`: what the answer was asked to be. */
  outputType: string | null
  streamEnd: string | null
}

/** What a scorer says: a score from 0 to 1, that there is nothing for it to judge, or that what it needs was not recorded. */
export type Judgement = { score: number; reason?: string } | { skipped: string } | { unknown: string }

/** How it went. `threw`, `timeout` and `invalid` are of scorers of the user's own. */
export type ScoreOutcome = 'scored' | 'skipped' | 'unknown' | 'threw' | 'timeout' | 'invalid'

/** A scorer by name, with its weight beside the others. */
export interface Scorer {
  name: string
  weight: number
  judge(call: ScoreCase): Judgement
}

/** One row of the view `scores`. */
export interface ScoreRow {
  spanId: string
  scorer: string
  score: number | null
  weight: number
  outcome: ScoreOutcome
  reason: string | null
}
