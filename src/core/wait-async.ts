/** What waiting gives: the outcome at once, or a promise of it. */
export type Waited = { async: false; value: string } | { async: true; value: Promise<string> }

/** `Atomics.waitAsync`, which TypeScript knows from ES2024 on only: resolves when the word is notified, or after `timeoutMs`. */
export const { waitAsync } = Atomics as unknown as {
  waitAsync(words: Int32Array, index: number, value: number, timeoutMs?: number): Waited
}
