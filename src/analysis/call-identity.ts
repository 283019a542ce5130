// What a span calls, as SQL over the view `spans` (or `calls`) under the alias `s`. The names of outgoing HTTP requests are methods alone.

const IS_REQUEST = `s.layer = 'http' AND s.kind = 'client'`
const NAME = `coalesce(s.attributes->>'db.query.text', s.name)`
const ADDRESS = `regexp_replace(split_part(split_part(s.attributes->>'url.full', '?', 1), '#', 1), '^[a-z]+://', '')`
/** Numbers, hexadecimal ids and UUIDs, and long names with a digit in them. */
const IS_ID = `regexp_full_match(part, '\\d+|[0-9a-fA-F-]{16,}|[^/]{10,}\\d[^/]*|[^/]*\\d[^/]{10,}')`
const WITHOUT_IDS = `array_to_string(list_transform(string_split(${ADDRESS}, '/'), lambda part, i: CASE WHEN i > 1 AND ${IS_ID} THEN '#' ELSE part END), '/')`

/** The statement, the name, or of a request method, host and path, ids in it left out: `GET api.shop/orders/#`. */
export const CALLED = `CASE WHEN ${IS_REQUEST} THEN concat_ws(' ', s.name, ${WITHOUT_IDS}) ELSE ${NAME} END`

/** The same with the ids, for what is told apart by the hash of its arguments: that of a request is of what follows the question mark. */
export const CALLED_EXACTLY = `CASE WHEN ${IS_REQUEST} THEN concat_ws(' ', s.name, ${ADDRESS}) ELSE ${NAME} END`

/** The name, of a request with the host: `GET api.shop`. */
export const CALLED_AT = `CASE WHEN ${IS_REQUEST} THEN concat_ws(' ', s.name, nullif(split_part(${ADDRESS}, '/', 1), '')) ELSE s.name END`
