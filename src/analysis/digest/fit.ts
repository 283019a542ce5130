import type { CountTokens } from './tokens.ts'

// Packs a document into a budget of tokens: every piece has a least and several fuller forms, and is raised in the order of a plan for as
// long as the whole fits.

/** A part of the document. */
export interface Piece {
  id: string
  /** From the least form (often empty) to the fullest. */
  forms: readonly string[]
}

/** Raises a piece to one of its forms. */
export interface Step {
  id: string
  form: number
}

export interface Fitted {
  text: string
  tokens: number
  /** Form of each piece. */
  forms: ReadonlyMap<string, number>
  /** Even the least forms were too much: the text breaks off. */
  isCut: boolean
}

export interface FitOptions {
  pieces: readonly Piece[]
  plan: readonly Step[]
  budget: number
  count: CountTokens
  /** Makes the document of the chosen forms; default: one after the other. What it adds (what is left out, counted) is part of the budget. */
  assemble?(forms: ReadonlyMap<string, number>): string
}

/**
 * The document within `budget` tokens, never over it; the same for the same input. Where even the least forms are too much, the beginning
 * of the document.
 */
export function fit({ pieces, plan, budget, count, assemble = joined(pieces) }: FitOptions): Fitted {
  const cost = new Map<string, number>()
  const priceOf = (text: string): number => {
    const known = cost.get(text) ?? count(text)
    cost.set(text, known)
    return known
  }
  const forms = new Map(pieces.map(({ id }) => [id, 0]))
  const byId = new Map(pieces.map((piece) => [piece.id, piece]))
  const taken: { id: string; before: number }[] = []
  let spent = count(assemble(forms))
  for (const { id, form } of plan) {
    const piece = byId.get(id)
    const before = forms.get(id) ?? 0
    if (piece === undefined || form <= before || piece.forms[form] === undefined) continue
    // A sum over pieces: tokens that would span two of them are counted twice at most.
    const more = priceOf(piece.forms[form]) - priceOf(piece.forms[before] ?? '')
    if (spent + more > budget) continue
    forms.set(id, form)
    taken.push({ id, before })
    spent += more
  }
  for (;;) {
    const text = assemble(forms)
    const tokens = count(text)
    const last = taken.pop()
    if (tokens <= budget || last === undefined)
      return tokens <= budget ? { text, tokens, forms, isCut: false } : cutToFit(text, budget, count, forms)
    forms.set(last.id, last.before)
  }
}

const joined =
  (pieces: readonly Piece[]) =>
  (forms: ReadonlyMap<string, number>): string =>
    pieces.map(({ id, forms: all }) => all[forms.get(id) ?? 0] ?? '').join('')

/** The longest beginning that fits. */
function cutToFit(text: string, budget: number, count: CountTokens, forms: ReadonlyMap<string, number>): Fitted {
  const characters = [...text]
  let [low, high] = [0, characters.length]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (count(characters.slice(0, middle).join('')) <= budget) low = middle
    else high = middle - 1
  }
  const cut = characters.slice(0, low).join('')
  return { text: cut, tokens: count(cut), forms, isCut: true }
}
