/** A noun as it stands behind a number: `more query` becomes `more queries` unless there is one. */
export function plural(noun: string, n: number): string {
  if (Math.round(n) === 1) return noun
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`
  return /(s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`
}
