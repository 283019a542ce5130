import { francAll } from 'franc-min'

// Measures of text that need no model: what they say is a hint, not a judgement.

/** Below so many letters a language is a guess. */
const MIN_LETTERS = 40
/** Languages whose likeness is so near the best one's are not told apart. */
const NEARLY = 0.9

/**
 * Whether two texts are in one language, by trigrams (Cavnar and Trenkle, 1994; franc): true where the best guess of one is among the good ones
 * of the other, undefined where one of them is too short.
 */
export function isSameLanguage(a: string, b: string): boolean | undefined {
  const [first, second] = [languagesOf(a), languagesOf(b)]
  if (first === undefined || second === undefined) return undefined
  return first.some((language) => second.includes(language))
}

function languagesOf(text: string): string[] | undefined {
  const words = text.replace(/```[\s\S]*?(```|$)|`[^`]*`|https?:\S+/g, ' ')
  if ((words.match(/\p{L}/gu)?.length ?? 0) < MIN_LETTERS) return undefined
  const guesses = francAll(words.slice(0, 2000), { minLength: 10 }).filter(([language]) => language !== 'und')
  const best = guesses[0]?.[1] ?? 0
  return guesses.length === 0 ? undefined : guesses.filter(([, likeness]) => likeness >= best * NEARLY).map(([language]) => language)
}

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []

/**
 * Share of the words that are in a sequence of `n` words which has occurred before in the text: the measure of Rae et al. (Scaling Language
 * Models, 2021, table A1) for text that repeats itself. 0 for short texts.
 */
export function repeatedShare(text: string, n = 5): number {
  const all = words(text)
  if (all.length < 4 * n) return 0
  const seen = new Set<string>()
  const repeated = new Uint8Array(all.length)
  for (let i = 0; i + n <= all.length; i++) {
    const gram = all.slice(i, i + n).join(' ')
    if (seen.has(gram)) repeated.fill(1, i, i + n)
    seen.add(gram)
  }
  return repeated.reduce((sum, one) => sum + one, 0) / all.length
}

/**
 * Share of an answer's words of content (four letters and more, and numbers) that occur in what it was given: the precision of ROUGE-1 (Lin,
 * 2004) without short words. Undefined for answers with fewer than five of them.
 */
export function groundedShare(answer: string, given: string): number | undefined {
  const known = new Set(words(given).map(stem))
  const content = [...new Set(words(answer).filter((word) => word.length >= 4 || /\d/.test(word)))]
  if (content.length < 5) return undefined
  return content.filter((word) => known.has(stem(word))).length / content.length
}

/** Words of one root mostly share their beginning. */
const stem = (word: string): string => (/^\d/.test(word) ? word : word.slice(0, 6))

const REFUSALS = [
  /^(?:i['’]?m|i am) (?:very |so |really )?(?:sorry|afraid)[^.!?\n]{0,40}\b(?:can(?:no|['’])t|unable|not able|won['’]t)\b/,
  /^(?:sorry|apologies|unfortunately)[^.!?\n]{0,40}\b(?:can(?:no|['’])t|unable|not able|won['’]t)\b/,
  /^i (?:can(?:no|['’])t|can not|won['’]t|am unable to|['’]m unable to|am not able to|must decline|have to decline)\b[^.!?\n]{0,60}\b(?:help|assist|provide|answer|comply|do that|fulfil|create|generate|discuss|support|share)/,
  /^i['’]?m (?:unable|not able) to\b/,
  /^as an? (?:ai|artificial intelligence|(?:large )?language model)\b[^.!?\n]{0,80}\b(?:can(?:no|['’])t|unable|not able|don['’]t)\b/,
  /^(?:es tut mir leid|tut mir leid|entschuldigung)[^.!?\n]{0,60}\bnicht\b/,
  /^(?:je suis désolée?|désolée?)[^.!?\n]{0,60}\b(?:ne peux pas|ne suis pas)\b/,
  /^(?:lo siento|lo lamento)[^.!?\n]{0,60}\bno puedo\b/,
] as const

/** Whether an answer begins by declining (English, German, French, Spanish). */
export function isRefusal(answer: string): boolean {
  const begin = answer.trim().toLowerCase().slice(0, 200)
  return REFUSALS.some((pattern) => pattern.test(begin))
}
