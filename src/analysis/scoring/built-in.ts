import type { Judgement, ScoreCase } from './scorer.ts'
import { groundedShare, isRefusal, isSameLanguage, repeatedShare } from './text-measures.ts'

/** A heuristic that comes with the package. */
export interface BuiltIn {
  name: string
  /** One sentence for the documentation. */
  about: string
  weight: number
  /** Used without being named. */
  byDefault: boolean
  /** Its argument where none is given. */
  argument?: string
  /** What argument it needs, to complete a sentence. */
  expects?: string
  /** The scorer for an argument; undefined for an argument that is none. */
  make(argument: string | undefined): ((call: ScoreCase) => Judgement) | undefined
}

const NO_TEXT = { unknown: 'the answer was not recorded (PERF_CAPTURE=preview)' } as const
const NO_PROMPT = { unknown: 'the prompt was not recorded (PERF_CAPTURE=preview)' } as const
const FAILED = { skipped: 'the call failed' } as const
const TOOL = { skipped: 'a tool' } as const
const CUT_SHORT: readonly string[] = ['length', 'max_tokens', 'max_output_tokens', 'model_length', 'incomplete']
const BLOCKED: readonly string[] = ['content_filter', 'safety', 'refusal', 'prohibited_content', 'guardrail_intervened', 'blocklist']

/** A scorer of answers in words: not of failed calls, tools, or answers that only ask for a tool. */
const ofAnswers =
  (judge: (answer: string, call: ScoreCase) => Judgement) =>
  (call: ScoreCase): Judgement => {
    if (call.kind === 'tool') return TOOL
    if (call.status === 'error') return FAILED
    if (call.answer === null) return NO_TEXT
    if (call.answer.trim() === '') return { skipped: call.toolCalls === null ? 'an empty answer' : 'the model asked for a tool' }
    return judge(call.answer, call)
  }

const saysOne = (call: ScoreCase, kinds: readonly string[]): string | undefined =>
  call.finishReasons?.find((reason) => kinds.includes(reason.toLowerCase()))

/** Every built-in scorer. */
export const builtInScorers: readonly BuiltIn[] = [
  {
    name: 'succeeded', about: 'The call did not fail.', weight: 2, byDefault: true,
    make: () => (call) => (call.status === 'error' ? { score: 0, reason: call.errorType ?? 'failed' } : { score: 1 }),
  },
  {
    name: 'non-empty', about: 'The model gave text or asked for a tool.', weight: 2, byDefault: true,
    make: () => (call) => {
      if (call.kind === 'tool') return TOOL
      if (call.status === 'error') return FAILED
      if (call.toolCalls !== null || (call.answer ?? '').trim() !== '') return { score: 1 }
      if (call.answer !== null || call.outputTokens === 0) return { score: 0, reason: 'an empty answer' }
      return call.outputTokens === null ? { unknown: 'neither the answer nor its tokens were recorded' } : { score: 1 }
    },
  },
  {
    name: 'complete', about: 'The answer was not cut off by a limit of tokens, nor blocked by a filter.', weight: 1, byDefault: true,
    make: () => (call) => {
      if (call.kind === 'tool') return TOOL
      if (call.status === 'error') return FAILED
      const why = saysOne(call, CUT_SHORT) ?? saysOne(call, BLOCKED)
      if (why !== undefined) return { score: 0, reason: `ended by ${why}` }
      if (call.streamEnd !== null && call.streamEnd !== 'complete') return { skipped: 'the app stopped reading' }
      return call.finishReasons === null ? { unknown: 'the provider gave no reason for the end' } : { score: 1 }
    },
  },
  {
    name: 'not-refusal', about: 'The model did not decline (phrases at the beginning, in four languages; the finish reason).', weight: 2, byDefault: true,
    make: () => (call) => {
      const why = call.kind === 'ai' ? saysOne(call, BLOCKED) : undefined
      return why === undefined
        ? ofAnswers((answer) => (isRefusal(answer) ? { score: 0, reason: 'it begins by declining' } : { score: 1 }))(call)
        : { score: 0, reason: `ended by ${why}` }
    },
  },
  {
    name: 'valid-json', about: 'Where JSON was asked for, the answer is JSON; half where it stands in a code fence.', weight: 2, byDefault: true,
    make: () => ofAnswers((answer, call) => (asksForJson(call) ? validJson(answer, call) : { skipped: 'JSON was not asked for' })),
  },
  {
    name: 'same-language', about: 'The answer is in the language of the question.', weight: 1, byDefault: true,
    make: () =>
      ofAnswers((answer, call) => {
        const question = lastQuestion(call)
        if (question === undefined) return NO_PROMPT
        const same = isSameLanguage(question, answer)
        if (same === undefined) return { skipped: 'too short to tell a language' }
        return same ? { score: 1 } : { score: 0, reason: 'question and answer seem to be in different languages' }
      }),
  },
  {
    name: 'no-repetition', about: 'The answer does not repeat itself (share of words outside of repeated sequences of five).', weight: 1, byDefault: true,
    make: () =>
      ofAnswers((answer) => {
        const share = repeatedShare(answer)
        // Lists and code repeat a little.
        return share <= 0.1 ? { score: 1 } : { score: 1 - share, reason: `${Math.round(share * 100)} % of the words are repeated` }
      }),
  },
  {
    name: 'grounded', about: 'The share of the answer\'s words of content that occur in what the model was given, where it was given at least 200 characters besides the question.', weight: 1, byDefault: true,
    make: () =>
      ofAnswers((answer, { messages }) => {
        if (messages === null) return NO_PROMPT
        const given = messages.map(({ text }) => text).join('\n')
        if (given.length - (messages.at(-1)?.text.length ?? 0) < 200 && given.length < 400) return { skipped: 'it was given no context' }
        const share = groundedShare(answer, given)
        if (share === undefined) return { skipped: 'the answer is too short' }
        return { score: share, ...(share < 0.5 && { reason: `${Math.round(share * 100)} % of its words are in the context` }) }
      }),
  },
  {
    name: 'length', about: 'The answer has from … to … characters: `length(20-2000)`; less the further it is off.', weight: 1, byDefault: false, expects: 'a range of characters: length(20-2000)',
    make: (argument) => {
      const [, from = '', to = ''] = /^(\d+)-(\d+)$/.exec(argument ?? '') ?? []
      if (from === '' || Number(to) < Number(from)) return undefined
      return ofAnswers((answer) => within(answer.trim().length, Number(from), Number(to), 'characters'))
    },
  },
  {
    name: 'latency', about: 'The call took at most so long: `latency(2s)`; half at twice that.', weight: 1, byDefault: false, expects: 'a time: latency(2s), latency(800ms)',
    make: (argument) => cap(timeOf(argument), ({ durationMs }) => durationMs, 'ms'),
  },
  {
    name: 'first-token', about: 'The first token came after at most so long: `first-token(500ms)`.', weight: 1, byDefault: false, expects: 'a time: first-token(500ms)',
    make: (argument) => cap(timeOf(argument), ({ firstTokenMs }) => firstTokenMs, 'ms'),
  },
  {
    name: 'cost', about: 'The call cost at most so many US dollars: `cost(0.01)`.', weight: 1, byDefault: false, expects: 'US dollars: cost(0.01)',
    make: (argument) => cap(Number((argument ?? '').replace('$', '') || NaN), ({ costUsd }) => costUsd, 'USD'),
  },
] // prettier-ignore

function asksForJson({ outputType, messages }: ScoreCase): boolean {
  if (outputType !== null) return outputType.startsWith('json')
  const asking = (messages ?? []).filter(({ role }) => role === 'system').concat(messages?.at(-1) ?? [])
  return asking.some(({ text }) => /\b(?:respond|answer|reply|return|output|format)\b[^.\n]{0,60}\bjson\b/i.test(text))
}

function validJson(answer: string, { answerCut }: ScoreCase): Judgement {
  const parses = (text: string): boolean => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  if (parses(answer)) return { score: 1 }
  if (answerCut) return { unknown: 'the end of the answer was not recorded' }
  const fenced = /```(?:json)?\s*([\s\S]*?)```/.exec(answer)?.[1]
  return fenced !== undefined && parses(fenced) ? { score: 0.5, reason: 'JSON in a code fence' } : { score: 0, reason: 'not JSON' }
}

function lastQuestion({ messages }: ScoreCase): string | undefined {
  return messages?.findLast(({ role }) => role === 'user')?.text
}

function within(value: number, from: number, to: number, unit: string): Judgement {
  if (value >= from && value <= to) return { score: 1 }
  return { score: value < from ? value / from : to / value, reason: `${value} ${unit}` }
}

function cap(most: number, measure: (call: ScoreCase) => number | null, unit: string): ReturnType<BuiltIn['make']> {
  if (!(most > 0)) return undefined
  return (call) => {
    if (call.status === 'error') return FAILED
    const value = measure(call)
    if (value === null) return call.kind === 'tool' ? TOOL : { unknown: 'it was not recorded' }
    return value <= most ? { score: 1 } : { score: most / value, reason: `${Number(value.toPrecision(3))} ${unit}` }
  }
}

/** `800ms`, `2s` as milliseconds; NaN for anything else. */
function timeOf(text: string | undefined): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s)$/.exec(text ?? '') ?? []
  return number === '' ? NaN : Number(number) * (unit === 's' ? 1000 : 1)
}
