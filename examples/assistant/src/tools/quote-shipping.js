const BOXES = [
  { name: 'small', grams: 1_000, cents: 450 },
  { name: 'medium', grams: 5_000, cents: 780 },
  { name: 'large', grams: 20_000, cents: 1_490 },
]
const PARCELS = 4

/** Finds the cheapest way to send items in up to four parcels, by trying them all: 4⁹ ways for nine items. */
export function quoteShipping({ weights }) {
  let best = { cents: Infinity, parcels: [] }
  const loads = Array.from({ length: PARCELS }, () => 0)

  function place(index) {
    if (index < Math.min(weights.length, 9)) {
      for (let parcel = 0; parcel < PARCELS; parcel++) {
        loads[parcel] += weights[index]
        place(index + 1)
        loads[parcel] -= weights[index]
      }
      return
    }
    const cents = loads.reduce((sum, grams) => sum + priceOf(grams), 0)
    if (cents < best.cents) best = { cents, parcels: loads.filter((grams) => grams > 0) }
  }

  place(0)
  return { ...best, possible: Number.isFinite(best.cents) }
}

function priceOf(grams) {
  if (grams === 0) return 0
  return BOXES.find((box) => grams <= box.grams)?.cents ?? Infinity
}
