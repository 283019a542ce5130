/** What docs/sql-views.md says of a view. */
export interface ViewDoc {
  doc: string
  /** A sentence per column, in their order. */
  columns: Record<string, string>
}

// Columns that several views have.

export const ID = '16 hex digits'
export const SPAN = {
  span_id: ID,
  trace_id: '32 hex digits',
  session: 'name of the session',
  name: 'name of the span',
  start_time: 'when it began (UTC)',
  duration_ms: 'how long it took; null while open',
  status: '`unset` (ended without an error), `ok`, `error`, `open`',
  error_type: '`error.type`: class of the exception, status code or API error code',
}
export const PROCESS = { process: 'number of the process in this session (`processes.process`)' }
export const THREAD = { thread: 'thread of the process, 0 is the main thread' }
export const WEIGHT = { weight: 'how many spans this one stands for (1 / sampling probability)' }
export const KEYS = {
  span_key: '`spans.span_key`',
  parent_key: '`spans.parent_key`',
  trace_key: '`spans.trace_key`',
}
export const ATTRIBUTES = { attributes: 'every attribute of the span' }
export const CONVERSATION = { conversation: '`gen_ai.conversation.id`' }
export const RESOLVED = { conversation: 'conversation it belongs to: its own id, or as docs/ai.md says' }
export const AGENT = { agent: '`gen_ai.agent.name` of the agent around it' }
export const INTEGRATION = { integration: 'the library it came from; null for your own functions' }
export const CODE = { function: 'function', file: 'file', line: 'line, from 1' }

export const SPANS = {
  span_id: ID,
  parent_id: `${ID}; null for the root of a trace`,
  trace_id: SPAN.trace_id,
  session: SPAN.session,
  name: SPAN.name,
  layer: '`workflow`, `step`, `node`, `tool`, `function`, `http`, `db`, `ai`, `mcp`, `cache`, `messaging`',
  ...INTEGRATION,
  kind: '`internal`, `server`, `client`, `producer`, `consumer`',
  start_time: SPAN.start_time,
  duration_ms: SPAN.duration_ms,
  status: SPAN.status,
  error_type: SPAN.error_type,
  ...PROCESS,
  ...THREAD,
  variant: 'hash of the source of the function (`variants.variant`)',
  ...CONVERSATION,
  ...WEIGHT,
  capture: 'whether contents were kept: `off`, `preview`, `full`',
  ...ATTRIBUTES,
  self_cpu_ms: 'milliseconds its own code ran on its thread, children apart; with PERF_CPU only',
  start_ns: 'when it began, nanoseconds since the epoch',
  span_key: 'the same id as an integer: joins over many spans are faster with it',
  parent_key: 'the same for `parent_id`: `JOIN spans p ON s.parent_key = p.span_key`',
  trace_key: 'the same for `trace_id`',
}
