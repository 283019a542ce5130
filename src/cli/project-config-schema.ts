import { METRICS } from '../analysis/audit/metrics.ts'
import { configTable, NOT_IN_FILE, type Setting } from '../config.ts'

// The schema of perf.config.json: the reader validates with it, docs/perf.config.schema.json is generated from it.

const price = { type: 'number', minimum: 0 }
const modelPrice = {
  input: { ...price, description: 'USD per million input tokens.' },
  output: { ...price, description: 'USD per million output tokens.' },
  cache_read: { ...price, description: 'USD per million tokens read from a prompt cache; default `input`.' },
  cache_write: { ...price, description: 'USD per million tokens written to a prompt cache; default `input`.' },
}

const prices = {
  type: 'object',
  description: 'Prices of AI models in USD per million tokens, over those of the package.',
  additionalProperties: false,
  properties: {
    date: { type: 'string', description: 'When they held.' },
    source: { type: 'string', description: 'Where they are from.' },
    tiers: { type: 'object', description: 'Factor on the list price by service tier, or by `provider/tier`.', additionalProperties: price },
    models: {
      type: 'object',
      description: 'By model id, or a pattern in which `*` stands for anything; `provider/model` where others serve it at other prices.',
      additionalProperties: {
        type: 'object',
        required: ['input', 'output'],
        additionalProperties: false,
        properties: {
          ...modelPrice,
          cache_write_1h: { ...price, description: 'Tokens written to a cache that is kept for an hour; default `cache_write`.' },
          above: {
            type: 'object',
            description: 'Prices of a call with more input tokens than `tokens`.',
            required: ['tokens', 'input', 'output'],
            additionalProperties: false,
            properties: { tokens: { type: 'integer', minimum: 0 }, ...modelPrice },
          },
        },
      },
    },
  },
}

const settings = {
  type: 'object',
  description: 'Settings of the recorded app (docs/configuration.md), where the environment does not set them.',
  additionalProperties: false,
  properties: Object.fromEntries(
    (configTable as readonly Setting[])
      .filter(({ name }) => !NOT_IN_FILE.has(name))
      .map((setting) => [setting.name, settingSchema(setting)]),
  ),
}

function settingSchema({ type, choices, doc: description, default: standard }: Setting): object {
  const hint = { description, ...(standard === '' ? {} : { default: standard }) }
  switch (type) {
    case 'boolean':
      return { type: ['boolean', 'string'], description, default: standard === 'true' }
    case 'number':
      return { type: ['number', 'string'], description, default: Number(standard) }
    case 'list':
      return { type: ['array', 'string'], items: { type: 'string' }, description }
    case 'choice':
      return { enum: choices, ...hint }
    default:
      return { type: ['string', 'number', 'boolean'], ...hint }
  }
}

const metricNames = Object.keys(METRICS)
const metricsOf = (...sources: string[]): string[] =>
  Object.entries(METRICS).flatMap(([name, { source }]) => (sources.includes(source) ? [name] : []))
const never = (...names: string[]): object => Object.fromEntries(names.map((name) => [name, false]))
const whenMetricIn = (names: string[], properties: object): object => ({
  if: { properties: { metric: { enum: names } }, required: ['metric'] },
  then: { properties },
})

const threshold = {
  type: 'object',
  additionalProperties: false,
  properties: {
    id: { type: 'string', minLength: 1, description: 'A name of its own, for reports; default: what it looks at.' },
    layer: { type: 'string', minLength: 1, description: 'Only spans of this layer, e.g. `http`, `db`, `ai`, `tool`, `cache`.' },
    name: { type: 'string', minLength: 1, description: 'Only names that fit: `*` stands for any text, `?` for one character.' },
    kind: { enum: ['internal', 'server', 'client', 'producer', 'consumer'], description: 'Only spans of this kind.' },
    metric: {
      enum: metricNames,
      description: `What is measured. ${metricNames.map((name) => `${name}: ${METRICS[name as keyof typeof METRICS].about}`).join(' ')}`,
    },
    sql: {
      type: 'string',
      minLength: 1,
      description:
        'A query over the views (docs/sql-views.md): the first column of its first row counts; `trace_id` columns give examples.',
    },
    per: {
      enum: ['name', 'layer', 'session'],
      description:
        'Each name by itself (default where a name is given), each layer (default where a layer is), or the session: its traces.',
    },
    severity: { enum: ['high', 'medium', 'low'], description: 'With `findings`: only of this severity or worse; default `low`.' },
    max: { type: 'number', description: 'The most that is allowed.' },
    min: { type: 'number', description: 'The least that is allowed.' },
    level: { enum: ['warn', 'fail'], description: '`fail` (default) ends the audit with exit code 1, `warn` is only told.' },
    min_calls: { type: 'integer', minimum: 1, description: 'With fewer calls there is not enough data to tell; default 1.' },
    advice: { type: 'string', description: 'What to do when it is not kept, markdown.' },
    learned: {
      type: 'object',
      description: 'Written by `perf-agent audit --learn --write`, which replaces such entries; remove it to keep one as it is.',
      additionalProperties: false,
      properties: { sessions: { type: 'integer' }, seen: { type: 'number' }, at: { type: 'string' } },
    },
  },
  allOf: [
    { oneOf: [{ required: ['metric'] }, { required: ['sql'] }] },
    { oneOf: [{ required: ['max'] }, { required: ['min'] }] },
    { if: { required: ['sql'] }, then: { properties: never('layer', 'name', 'kind', 'per', 'severity', 'min_calls') } },
    whenMetricIn(metricsOf('process'), never('layer', 'name', 'kind', 'per', 'severity', 'min_calls')),
    whenMetricIn(metricsOf('findings'), never('layer', 'kind', 'per', 'min_calls')),
    whenMetricIn(metricsOf('ai', 'caches'), never('kind', 'severity')),
    whenMetricIn(metricsOf('calls'), never('severity')),
  ],
}

/** JSON Schema (2020-12) of perf.config.json. */
export const projectConfigSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'perf.config.json of @perf/agent',
  type: 'object',
  additionalProperties: false,
  properties: {
    $schema: { type: 'string', description: 'For editors: ./node_modules/@perf/agent/docs/perf.config.schema.json' },
    settings,
    prices,
    thresholds: {
      type: 'array',
      description: 'What `perf-agent audit` holds a session against (docs/audit.md); instead of the built-in ones.',
      items: threshold,
    },
    defaults: { type: 'boolean', description: 'Keep the built-in thresholds beside `thresholds`; default: only where there are none.' },
  },
}
