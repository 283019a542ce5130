// What a span calls, as SQL over the view `spans` (or `calls`) under the alias `s`. The names of outgoing HTTP requests are methods alone.

const IS_REQUEST = `s.layer = 'http' AND s.kind = 'client'`
/** Numbers, hexadecimal ids and UUIDs, and long names with a digit in them. */
const IS_ID = `regexp_full_match(part, '\\d+|[0-9a-fA-F-]{16,}|[^/]{10,}\\d[^/]*|[^/]*\\d[^/]{10,}')`

/** @param query and `url`: SQL of what the attributes `db.query.text` and `url.full` say */
function namesOf(query: string, url: string): { called: string; exactly: string; at: string } {
  const name = `coalesce(${query}, s.name)`
  const address = `regexp_replace(split_part(split_part(${url}, '?', 1), '#', 1), '^[a-z]+://', '')`
  const withoutIds = `array_to_string(list_transform(string_split(${address}, '/'), lambda part, i: CASE WHEN i > 1 AND ${IS_ID} THEN '#' ELSE part END), '/')`
  return {
    called: `CASE WHEN ${IS_REQUEST} THEN concat_ws(' ', s.name, ${withoutIds}) ELSE ${name} END`,
    exactly: `CASE WHEN ${IS_REQUEST} THEN concat_ws(' ', s.name, ${address}) ELSE ${name} END`,
    at: `CASE WHEN ${IS_REQUEST} THEN concat_ws(' ', s.name, nullif(split_part(${address}, '/', 1), '')) ELSE s.name END`,
  }
}

const fromAttributes = namesOf(`s.attributes->>'db.query.text'`, `s.attributes->>'url.full'`)

/** The statement, the name, or of a request method, host and path, ids in it left out: `GET api.shop/orders/#`. */
export const CALLED = fromAttributes.called

/** The same with the ids, for what is told apart by the hash of its arguments: that of a request is of what follows the question mark. */
export const CALLED_EXACTLY = fromAttributes.exactly

/** The name, of a request with the host: `GET api.shop`. */
export const CALLED_AT = fromAttributes.at

/** What the columns are made of, in this order; read at once, for a key alone costs as much as all of them. */
const SAID = ['db.query.text', 'url.full', 'db.operation.name', 'http.request.method', 'db.system.name', 'server.address', 'gen_ai.provider.name',
  'http.response.status_code', 'http.request.resend_count'] // prettier-ignore
const { called, exactly, at } = namesOf('said[1]', 'said[2]')

/** Columns of the view `call_targets` besides the span's key. */
const COLUMNS = `layer, ${called} AS called, ${exactly} AS called_exactly, ${at} AS called_at, hash(called) AS called_key, hash(called_exactly) AS exactly_key,
  said[1] AS statement, said[3] AS operation, said[4] AS method, said[5] AS db_system, said[6] AS server, coalesce(said[5], said[6], said[7]) AS system,
  said[8] AS status_code, said[9] AS resends`

const SPANS = `SELECT span_key, layer, kind, name, json_extract_string(attributes, [${SAID.map((key) => `'${key}'`).join(', ')}]) AS said FROM main.spans`

/** Select statement of the view `call_targets`. */
export const callTargetsQuery = `SELECT span_key, ${COLUMNS} FROM (${SPANS}) s`

/**
 * Statements that compute the view once: a temporary view of its name stands before it. Per span there is a hash of what it said; texts are
 * kept, and addresses taken apart, once per hash: a session calls few things often.
 */
export const keepCallTargets = [
  `CREATE OR REPLACE TEMP TABLE kept_call_targets AS SELECT span_key, hash(layer, kind, name, said) AS target FROM (${SPANS})`,
  `CREATE OR REPLACE TEMP TABLE kept_targets AS SELECT target, ${COLUMNS} FROM
    (SELECT * FROM (${SPANS}) JOIN (SELECT target, any_value(span_key) AS span_key FROM kept_call_targets GROUP BY target) USING (span_key)) s`,
  `CREATE OR REPLACE TEMP VIEW call_targets AS SELECT span_key, t.* EXCLUDE (target) FROM kept_call_targets JOIN kept_targets t USING (target)`,
]
