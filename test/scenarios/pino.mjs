// Lines of every kind, written to stdout with a fixed time and no process id, so that two runs write the same bytes.
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { span } from '@perf/agent/api'

const options = { base: null, timestamp: () => ',"time":1' }
// Not pino's own destination: where a pipe is busy, sonic-boom 3 writes what `fatal` flushes before what it retries.
const logger = pino(options, process.stdout)
const canary = process.env.CANARY ?? 'canary'

export async function levels() {
  logger.info('plain')
  logger.debug('below the level')
  logger.warn({ user: 7, tags: ['a', 'b'] }, 'with %s and %d', 'text', 3)
  logger.info({ only: 'fields' })
  logger.fatal('worst')
  logger.level = 'error'
  logger.warn('now below the level')
  logger.level = 'info'
}

export async function children() {
  const child = logger.child({ component: 'mail' })
  child.info('from a child')
  child.child({ deeper: true }).error({ own: 1 }, 'from its child')
}

export async function errors() {
  const error = Object.assign(new TypeError('it broke'), { code: 'E_BROKE', stack: 'TypeError: it broke' })
  logger.error(error)
  logger.error({ err: error, order: 12 }, 'an order failed')
}

/** What the app hides is hidden here, too; and what is secret by name. */
export async function redacted() {
  const own = pino(
    { ...options, redact: ['street'], mixin: () => ({ mixed: true }), formatters: { level: (level) => ({ severity: level }) } },
    process.stdout,
  )
  own.info({ street: 'Elm Street 7', city: 'Ulm', password: canary }, `token=${canary}`)
}

export async function unusual() {
  const seen = []
  const stream = new Writable({ write: (chunk, _encoding, done) => (seen.push(String(chunk)), done()) })
  const own = pino({ ...options, customLevels: { audit: 35 }, messageKey: 'text' }, stream)
  const nested = pino({ ...options, nestedKey: 'payload' }, stream)
  own.audit({ who: 'me' }, 'looked')
  own.info(undefined)
  own.info(null, 'null first')
  let reads = 0
  own.info(
    {
      get counted() {
        return ++reads
      },
    },
    'a getter',
  )
  nested.info({ deep: { er: [1, { and: 'deeper' }] } }, 'nested')
  await sleep(1)
  return [...seen, reads]
}

export async function throwing() {
  const own = pino({
    ...options,
    serializers: {
      bad() {
        throw new RangeError('serializer')
      },
    },
  })
  try {
    own.info({ bad: 1 }, 'never written')
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

export async function operation(i) {
  await span('step', () => sleep(i % 3))
  logger.info({ i }, `operation ${i}`)
  return i
}
