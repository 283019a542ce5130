import { defineIntegration, log, type Call } from '../core/integration.ts'

interface Logger {
  levels?: { labels?: Record<number, string> }
}

interface AsJsonCall {
  self: Logger
  args: [object: object | null | undefined, message: unknown, level: number, time: string]
  result: string
}

// `asJson` makes the text of a line, after the level was found high enough, after mixins and in the caller's context, and before the line
// goes to a stream or another thread. What it gives has passed the app's own serialisers and redaction: that text is what is kept. pino's own
// channel (`pino_asJson`, from 9.14 on) tells the same, but costs each line a `traceSync` and cannot be used for the ids.
export default defineIntegration({
  name: 'pino',
  module: 'pino',
  kind: 'log',
  records: {
    spans: ['no spans: each line with the span it was written in, view `logs`'],
    attributes: [],
    against: 'pino itself, its output compared byte by byte',
  },
  inBundle: ['must be included in custom levels'],
  targets: [
    log<AsJsonCall>({
      file: 'lib/tools',
      path: 'asJson',
      versions: '>=7.0.0 <11',
      line: ({ self, args: [, message, level] }: Call<AsJsonCall>, text) => ({
        level: self.levels?.labels?.[level] ?? String(level),
        message: typeof message === 'string' ? message : undefined,
        fields: text,
      }),
      stamp(call, ids) {
        call.args[0] = { ...call.args[0], ...ids }
      },
    }),
  ],
})
