import { binding, defineIntegration, log, type Call } from '../core/integration.ts'

interface Info {
  level?: unknown
  message?: unknown
  exception?: unknown
  [LEVEL]?: unknown
}

interface Transport {
  level?: string
  silent?: boolean
  handleExceptions?: boolean
}

interface Logger {
  level?: string
  levels?: Record<string, number>
  transports?: readonly Transport[]
}

interface TransformCall {
  self: Logger
  args: [info: Info, ...unknown[]]
}

interface PushCall {
  self: Logger
  args: [info: Info | null | undefined | false]
}

/** Of triple-beam: the level that formats do not change. */
const LEVEL = Symbol.for('level')
const FILE = 'lib/winston/logger'
const VERSIONS = '>=3.3.0 <4'

// A logger is a stream: `write` is called where the app logs, `_transform` formats then or later (when a transport is slow), `push` hands on
// what the formats made of it, nothing when they filtered it out. The context goes with the object from the first to the second.
export default defineIntegration({
  name: 'winston',
  module: 'winston',
  kind: 'log',
  records: {
    spans: ['no spans: each line with the span it was written in, view `logs`'],
    attributes: [],
    against: 'winston itself, its output compared byte by byte',
  },
  inBundle: ['[winston] Attempt to write logs with no transports'],
  targets: [
    binding({ file: FILE, path: 'prototype.write', versions: VERSIONS, carries: 0, renews: true }),
    // Patched first is called last: the ids are those of the span that is current by then.
    log<TransformCall>({
      file: FILE,
      path: 'prototype._transform',
      versions: VERSIONS,
      stamp({ args: [info] }: Call<TransformCall>, ids) {
        Object.assign(info, ids)
      },
    }),
    binding({ file: FILE, path: 'prototype._transform', versions: VERSIONS, carries: 0 }),
    log<PushCall>({
      file: FILE,
      path: 'prototype.push',
      versions: VERSIONS,
      line({ self, args: [info] }: Call<PushCall>) {
        if (typeof info !== 'object' || info === null || !isWritten(self, info)) return undefined
        const { level, message } = info
        return { level: String(info[LEVEL] ?? level), message: typeof message === 'string' ? message : undefined, fields: info }
      },
    }),
  ],
})

/** What the transports decide when it reaches them. */
function isWritten({ level: own, levels = {}, transports = [] }: Logger, info: Info): boolean {
  const number = levels[String(info[LEVEL])]
  return transports.some(({ level = own, silent, handleExceptions }) => {
    if (silent === true || (info.exception === true && handleExceptions !== true)) return false
    return level === undefined || (number !== undefined && (levels[level] ?? -1) >= number)
  })
}
