import { defineIntegration, log, logChannel, type Call } from '../core/integration.ts'
import { consoleLine } from '../semantics/log.ts'

const METHODS = ['log', 'info', 'debug', 'warn', 'error'] as const

/** Node before its own channels. `trace`, `table`, `assert`, `count`, `group` and `timeEnd` call these; `dir` is none. */
const BEFORE_CHANNELS = '<22.20 || 23'

interface ConsoleCall {
  self: unknown
  args: unknown[]
}

// No ids are put into these lines: a console line has no fields, and is as often the output of a program as a log.
export default defineIntegration({
  name: 'console',
  module: [],
  kind: 'log',
  records: {
    spans: ['no spans: each line with the span it was written in, view `logs`'],
    attributes: [],
    against: 'the console, its output compared byte by byte',
  },
  targets: METHODS.flatMap((method) => [
    logChannel<unknown[]>({ name: `console.${method}`, versions: '>=22.20 <23 || >=24', line: (args) => consoleLine(method, args) }),
    log<ConsoleCall>({
      global: 'console',
      path: method,
      versions: BEFORE_CHANNELS,
      line: ({ args }: Call<ConsoleCall>) => consoleLine(method, args),
    }),
  ]),
})
