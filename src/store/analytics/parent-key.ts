// The parent's id from how far it lies back; null for a root.
const PARENT_HIGH = `((span_id >> 32)::BIGINT - parent_back_high)`
const PARENT_LOW = `((span_id & 4294967295)::BIGINT - parent_back_low)`

/** The parent's id of a row of `store.spans`. */
export const PARENT_KEY = `(${PARENT_HIGH}::UBIGINT << 32) | ${PARENT_LOW}::UBIGINT`

/** The same as 16 hex digits. */
export const PARENT_HEX = `printf('%08x%08x', ${PARENT_HIGH}, ${PARENT_LOW})`
