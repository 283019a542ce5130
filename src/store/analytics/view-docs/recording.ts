import { ID, SPAN, PROCESS, THREAD } from './columns.ts'
import type { ViewDoc } from './columns.ts'

/** What was recorded, of what, and how completely. */
export const recordingViews = {
  variants: {
    doc: 'Versions of the source of tracked functions.',
    columns: {
      variant: 'hash of the source, comments and white space aside',
      name: 'function',
      file: 'file',
      line: 'line, from 1',
      git_commit: 'commit of the project',
      source: 'text',
      calls: 'calls in this session',
      duration_ms: 'their time in total',
    },
  },
  findings: {
    doc: 'What the analysis found.',
    columns: {
      id: 'stable id',
      kind: 'kind',
      severity: 'severity',
      title: 'one sentence',
      cost_ms: 'time it costs',
      cost_usd: 'money it costs',
      evidence: 'query, traces, places',
      advice: 'what to do (markdown)',
      next_command: 'command that shows more',
    },
  },
  processes: {
    doc: 'Processes of the session.',
    columns: {
      process: PROCESS.process,
      instance: 'random id of the process',
      pid: 'process id',
      ppid: 'of its parent',
      parent_instance: 'instance of its parent, when recorded',
      service: 'service',
      command: 'list of arguments',
      cwd: 'working directory',
      node: 'version of Node.js',
      host: 'machine',
      git_commit: 'commit of the project',
      started_at: 'start (UTC)',
      last_beat_at: 'last sign of life (UTC)',
      ended_at: 'end (UTC); null after a kill',
      state: '`live`, `done`, `crashed` at the last sync',
      end_reason: '`exit`, `uncaught`',
      exit_code: 'exit code',
      agent: 'version of the agent',
    },
  },
  events: {
    doc: 'Events of spans, exceptions among them.',
    columns: { span_id: ID, time: 'when (UTC)', name: 'event', attributes: 'attributes', ...PROCESS, span_key: '`spans.span_key`' },
  },
  links: {
    doc: 'Links between spans of different traces.',
    columns: { span_id: ID, linked_trace_id: SPAN.trace_id, linked_span_id: ID, ...PROCESS },
  },
  payloads: {
    doc: 'Contents that went in and out of spans: sizes and hashes always, text only where capture was on.',
    columns: {
      span_id: ID,
      role: '`tool.arguments`, `tool.result`, `gen_ai.input.messages`, `db.query.parameters`, …',
      size: 'bytes of the whole value; null when unknown',
      hash: 'keyed hash: equal contents have equal hashes within a project',
      parts: 'list of `{hash, size}`, one per message or definition',
      truncated: 'whether the kept text was cut',
      captured: 'whether the text was kept',
      format: '`json`, `text`',
      text: 'the kept text, redacted',
      span_key: '`spans.span_key`',
    },
  },
  packages: {
    doc: 'Packages the agent knows that were loaded.',
    columns: {
      name: 'package',
      version: 'version',
      integration: 'integration',
      status: '`wrapped`, `unsupported`, `loaded-before`, `bundled`, `not-found`, `failed`, `disabled`',
      reason: 'why it was not wrapped',
      format: '`cjs`, `esm`',
      path: 'file',
      missing: 'functions that were not where they should be',
      ...PROCESS,
      ...THREAD,
    },
  },
  counters: {
    doc: 'What was produced, and what was left out, by reason.',
    columns: { ...PROCESS, thread: 'thread; −1 for what sync counted itself', name: 'counter', value: 'total' },
  },
  faults: {
    doc: 'Faults inside the agent; the app did not notice.',
    columns: { place: 'where', message: 'message', count: 'how often', ...PROCESS, ...THREAD },
  },
} satisfies Record<string, ViewDoc>
