import { describe, expect, it } from 'vitest'
import { builtInScorers } from '../../src/analysis/scoring/built-in.ts'
import { messagesIn, textIn } from '../../src/analysis/scoring/message-text.ts'
import type { ScoreCase } from '../../src/analysis/scoring/scorer.ts'
import { readScorerSpec } from '../../src/analysis/scoring/scorer-spec.ts'

const call = (rest: Partial<ScoreCase> = {}): ScoreCase => ({
  kind: 'ai', spanId: '0', traceId: '0', name: 'chat m', model: 'm', tool: null, agent: null, conversation: null, status: 'unset', errorType: null,
  messages: [{ role: 'user', text: 'What is the capital of France?' }], answer: 'The capital of France is Paris.', promptCut: false, answerCut: false, promptBytes: 40, answerBytes: 40,
  inputTokens: 10, outputTokens: 8, costUsd: 0.02, durationMs: 1500, firstTokenMs: 300, finishReasons: ['stop'], toolCalls: null, outputType: null, streamEnd: null, ...rest,
}) // prettier-ignore
const judge = (name: string, rest: Partial<ScoreCase> = {}, argument?: string): unknown => {
  const judgement = builtInScorers.find((one) => one.name === name)?.make(argument)?.(call(rest))
  return judgement === undefined ? undefined : 'score' in judgement ? judgement.score : Object.keys(judgement)[0]
}
const user = (text: string): ScoreCase['messages'] => [{ role: 'user', text }]
const GERMAN = 'Die Hauptstadt von Frankreich ist Paris, und dort wohnen mehr als zwei Millionen Menschen.'
const ENGLISH = 'The capital of France is Paris, and more than two million people live in that city today.'

describe('the built-in scorers', () => {
  it.each<[name: string, expected: unknown, rest?: Partial<ScoreCase>, argument?: string]>([
    ['succeeded', 1], ['succeeded', 0, { status: 'error', errorType: '429' }], ['succeeded', 1, { kind: 'tool' }],
    ['non-empty', 1], ['non-empty', 0, { answer: ' ' }], ['non-empty', 1, { answer: '', toolCalls: ['search'] }], ['non-empty', 0, { answer: null, outputTokens: 0 }],
    ['non-empty', 1, { answer: null }], ['non-empty', 'unknown', { answer: null, outputTokens: null }], ['non-empty', 'skipped', { status: 'error' }],
    ['complete', 1], ['complete', 0, { finishReasons: ['length'] }], ['complete', 0, { finishReasons: ['MAX_TOKENS'] }], ['complete', 'unknown', { finishReasons: null }],
    ['complete', 'skipped', { finishReasons: null, streamEnd: 'abort' }],
    ['not-refusal', 1], ['not-refusal', 0, { answer: "I'm sorry, but I can't help with that." }], ['not-refusal', 0, { answer: 'Es tut mir leid, dabei kann ich nicht helfen.' }],
    ['not-refusal', 1, { answer: "I can't wait to tell you: it is Paris." }], ['not-refusal', 1, { answer: 'Sorry for the delay. It is Paris.' }], ['not-refusal', 'unknown', { answer: null }],
    ['not-refusal', 0, { answer: null, finishReasons: ['content_filter'] }],
    ['valid-json', 'skipped'], ['valid-json', 1, { outputType: 'json', answer: '{"city":"Paris"}' }], ['valid-json', 0, { outputType: 'json', answer: 'Paris' }],
    ['valid-json', 0.5, { messages: user('Answer as JSON.'), answer: '```json\n{"city":"Paris"}\n```' }], ['valid-json', 'unknown', { outputType: 'json', answer: '{"city":"Pa', answerCut: true }],
    ['valid-json', 'skipped', { messages: user('What does JSON stand for?') }],
    ['same-language', 1, { messages: user(ENGLISH), answer: ENGLISH.toLowerCase() }], ['same-language', 0, { messages: user(ENGLISH), answer: GERMAN }],
    ['same-language', 1, { messages: user(GERMAN), answer: 'Gerne erkläre ich Ihnen, warum die Hauptstadt von Frankreich seit langer Zeit Paris heißt.' }],
    ['same-language', 'skipped', { messages: user('Hi!') }], ['same-language', 'unknown', { messages: null }],
    ['no-repetition', 1, { answer: ENGLISH }], ['grounded', 'skipped'], ['grounded', 'unknown', { messages: null }],
    ['length', 1, {}, '5-50'], ['length', 31 / 62, {}, '62-90'], ['latency', 1, {}, '2s'], ['latency', 0.5, {}, '750ms'], ['latency', undefined, {}, 'fast'],
    ['first-token', 'unknown', { firstTokenMs: null }, '1s'], ['cost', 0.5, {}, '0.01'], ['cost', 'skipped', { kind: 'tool', costUsd: null }, '0.01'],
  ])('%s gives %s for %o %s', (name, expected, rest, argument) => {
    expect(judge(name, rest, argument)).toBe(expected)
  }) // prettier-ignore

  it('no-repetition falls with what is repeated', () => {
    expect(judge('no-repetition', { answer: `${ENGLISH} `.repeat(6) })).toBeCloseTo(1 / 6, 9)
  })

  it('grounded is the share of words that the context holds', () => {
    const context =
      'The parcel 4711 was sent on Monday by train from Leipzig. It will arrive on Thursday in Bordeaux, at the shop of Madame Durand. '.repeat(
        3,
      )
    const messages = [
      { role: 'system', text: context },
      { role: 'user', text: 'Where is my parcel?' },
    ]
    expect(
      judge('grounded', { messages, answer: 'Parcel 4711 left Leipzig on Monday and will arrive in Bordeaux on Thursday.' }),
    ).toBeGreaterThan(0.8)
    expect(
      judge('grounded', { messages, answer: 'Your refrigerator costs 999 euros, including installation, warranty and delivery tomorrow.' }),
    ).toBeLessThan(0.2)
  })
})

describe('PERF_SCORERS', () => {
  const spec = (text: string) => readScorerSpec(text, import.meta.dirname).builtIn.map(({ name, weight }) => [name, weight])

  it('stands for the default ones when empty, and takes names, arguments and weights', () => {
    const usual = builtInScorers.filter(({ byDefault }) => byDefault).map(({ name, weight }) => [name, weight])
    expect(spec('')).toEqual(usual)
    expect(spec('default, latency(2s):0.5')).toEqual([...usual, ['latency', 0.5]])
    expect(spec('non-empty:3, length(10-20)')).toEqual([['non-empty', 3], ['length', 1]]) // prettier-ignore
    expect(readScorerSpec('./built-in.test.ts#one+two:2', import.meta.dirname).modules).toMatchObject([
      { names: ['one', 'two'], weight: 2 },
    ])
    expect(readScorerSpec('complete', '.').key).not.toBe(readScorerSpec('complete:2', '.').key)
  })

  it.each([['nonsense', 'there is no scorer'], ['latency', 'needs a time'], ['length(9-1)', 'needs a range'], ['./none.js', 'there is no file']])('says of %s that %s', (text, message) => {
    expect(() => spec(text)).toThrow(message)
  }) // prettier-ignore
})

describe('the text of a payload', () => {
  it.each<[string, unknown, string[]]>([
    ['chat messages', [{ role: 'system', content: 'be kind' }, { role: 'user', content: [{ type: 'text', text: 'hi' }] }], ['system: be kind', 'user: hi']],
    ['an answer of the Responses API', [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'yes' }] }], ['assistant: yes']],
    ['contents of Gemini', [{ role: 'model', parts: [{ text: 'a' }, { text: 'b' }] }], ['assistant: a\nb']],
    ['only a call of a tool', [{ role: 'assistant', content: null, tool_calls: [{ function: { name: 'x' } }] }], []],
  ])('is found in %s', (_, payload, expected) => {
    expect(messagesIn(JSON.stringify(payload)).map(({ role, text }) => `${role}: ${text}`)).toEqual(expected)
  }) // prettier-ignore

  it('is found in JSON that was cut, and in plain text', () => {
    expect(messagesIn('[{"role":"system","content":"be \\"kind\\""},{"role":"user","content":"and sh…')).toEqual([
      { role: 'system', text: 'be "kind"' },
      { role: 'user', text: 'and sh…' },
    ])
    expect(textIn('just text')).toBe('just text')
  })
})
