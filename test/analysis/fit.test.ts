import { describe, expect, it } from 'vitest'
import { fit, type Piece } from '../../src/analysis/digest/fit.ts'
import { tokenCounter } from '../../src/analysis/digest/tokens.ts'

const words = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length
const pieces: Piece[] = [
  { id: 'head', forms: ['Title\n'] },
  { id: 'a', forms: ['', 'a short\n', 'a in full and long\n'] },
  { id: 'b', forms: ['', 'b short\n', 'b in full\n'] },
]
const plan = [
  { id: 'a', form: 1 },
  { id: 'b', form: 1 },
  { id: 'a', form: 2 },
  { id: 'b', form: 2 },
]
const within = (budget: number) => fit({ pieces, plan, budget, count: words })

describe('fit', () => {
  it('raises pieces in the order of the plan for as long as there is room', () => {
    expect(within(100).text).toBe('Title\na in full and long\nb in full\n')
    expect(within(8).text).toBe('Title\na in full and long\nb short\n')
    expect(within(6).text).toBe('Title\na short\nb in full\n')
    expect(within(5).text).toBe('Title\na short\nb short\n')
    expect(within(3).text).toBe('Title\na short\n')
    expect(within(1)).toMatchObject({ text: 'Title\n', isCut: false })
  })

  it('cuts where even the least is too much', () => {
    expect(fit({ pieces: [{ id: 'x', forms: ['one two three'] }], plan: [], budget: 2, count: words })).toMatchObject({
      tokens: 2,
      isCut: true,
    })
  })

  it('takes back what was too much after all', () => {
    // The whole costs more than its pieces.
    const count = (text: string): number => words(text) + (text.includes('b in full') ? 10 : 0)
    const { text, tokens } = fit({ pieces, plan, budget: 12, count: (text) => (text.startsWith('Title') ? count(text) : words(text)) })
    expect(tokens).toBeLessThanOrEqual(12)
    expect(text).toBe('Title\na in full and long\nb short\n')
  })
})

it('counts the tokens of o200k_base', async () => {
  const count = await tokenCounter()
  // From OpenAI's own tiktoken.
  expect(['', 'hello world', 'antidisestablishmentarianism', '<|endoftext|>'].map(count)).toEqual([0, 2, 6, 1])
})
