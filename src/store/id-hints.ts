// `WHERE span_id = '<16 hex>'` would compute the hex text of every span. The views also have the ids as integers (`span_key`,
// `parent_key`, `trace_key`), which DuckDB finds through its zone maps: 37 ms become 0.8 ms over a million spans (measured).

const ID_COMPARISON = String.raw`((?:\b[a-z_][a-z0-9_]*\.)?\b)(span|parent|trace)_id(\s*=\s*|\s+in\s*\(\s*)('[0-9a-f]+'(?:\s*,\s*'[0-9a-f]+')*)(\s*\))?`
// Literals, quoted names and comments come first, so that nothing inside them is taken for a comparison.
const TOKEN = new RegExp(String.raw`'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*[\s\S]*?\*/|${ID_COMPARISON}`, 'gi')

/** The query with the same conditions on the integer ids added; the condition as written stays. */
export function withIdHints(sql: string): string {
  return sql.replace(TOKEN, (whole: string, qualifier?: string, id?: string, operator?: string, list?: string, closing?: string) => {
    if (id === undefined || operator === undefined || list === undefined) return whole
    const isList = operator.toLowerCase().includes('in')
    if (isList !== (closing !== undefined) || (!isList && list.includes(','))) return whole
    const digits = id.toLowerCase() === 'trace' ? 32 : 16
    const values = list.split(',').map((value) => value.trim().slice(1, -1))
    if (values.some((value) => value.length !== digits)) return whole
    const type = digits === 32 ? 'UHUGEINT' : 'UBIGINT'
    const keys = values.map((value) => `${BigInt(`0x${value}`)}::${type}`).join(', ')
    return `(${whole} AND ${qualifier ?? ''}${id}_key IN (${keys}))`
  })
}
