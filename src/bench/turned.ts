/** `list` in the order of this round: who is first changes every round, and the direction after every time around. */
export function turned<T>(list: readonly T[], round: number): T[] {
  const first = list.length === 0 ? 0 : round % list.length
  const order = [...list.slice(first), ...list.slice(0, first)]
  return list.length > 0 && Math.floor(round / list.length) % 2 === 1 ? order.toReversed() : order
}
