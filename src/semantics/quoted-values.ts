/** Names that a database's messages quote and that are not values: `relation "users" does not exist`. */
const NAMED =
  /\b(?:relation|column|table|constraint|view|index|schema|database|role|user|type|sequence|trigger|extension|portal|cursor|statement|function|domain|enum|savepoint) $/

/** An apostrophe inside a word opens nothing. */
const OPENING = /["`]|(?<![\p{L}\d])'/gu

/**
 * An error message of a service without the values it quotes. A value may hold quotes of every kind, so all is masked from where the first
 * value opens to the last quote.
 */
export function maskQuotedValues(message: string): string {
  for (let at = 0; ;) {
    OPENING.lastIndex = at
    const opening = OPENING.exec(message)
    if (opening === null) return message
    const { 0: quote, index } = opening
    const end = message.indexOf(quote, index + 1)
    if (end > 0 && NAMED.test(message.slice(Math.max(0, index - 24), index))) {
      at = end + 1
      continue
    }
    const last = Math.max(...['"', "'", '`'].map((kind) => message.lastIndexOf(kind)))
    return `${message.slice(0, index)}${quote}?${quote}${last > index ? message.slice(last + 1) : ''}`
  }
}
