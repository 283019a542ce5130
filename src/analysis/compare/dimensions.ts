/** How spans are put into groups: SQL over the view `spans s`. */
export interface Dimension {
  /** Name of the group. */
  key: string
  /** Layer of the group; the spans' own when left out. */
  layer?: string
  /** Spans it is about; all when left out. */
  where?: string
}

const MODEL = `coalesce((s.attributes->>'gen_ai.request.model'), (s.attributes->>'gen_ai.response.model'), '(unknown)')`

export type DimensionName = 'name' | 'layer' | 'route' | 'model' | 'query' | 'variant' | 'session' | 'error'

/** What `--by` takes. */
export const dimensions: Record<DimensionName, Dimension> = {
  name: { key: 's.name' },
  layer: { key: 's.layer' },
  route: {
    key: `concat_ws(' ', (s.attributes->>'http.request.method'), coalesce((s.attributes->>'http.route'), '(no route)'))`,
    where: `s.layer = 'http' AND s.kind = 'server'`,
  },
  model: { key: MODEL, where: `s.layer = 'ai' AND s.span_key NOT IN (FROM store.ai_uncounted)` },
  query: {
    key: `coalesce((s.attributes->>'db.query.text'), (s.attributes->>'db.query.summary'), s.name)`,
    where: `s.layer = 'db'`,
  },
  variant: { key: `s.name || ' ' || left(s.variant, 8)`, where: 's.variant IS NOT NULL' },
  session: { key: 's.session', layer: `''` },
  error: { key: `coalesce(s.error_type, CASE WHEN s.status = 'error' THEN '(error)' ELSE '(no error)' END)` },
}
