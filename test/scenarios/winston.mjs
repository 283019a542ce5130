// Lines of every kind, to stdout and to transports of the scenario's own.
import { setTimeout as sleep } from 'node:timers/promises'
import winston from 'winston'
import Transport from 'winston-transport'
import { span } from '@perf/agent/api'

const { format } = winston
const canary = process.env.CANARY ?? 'canary'
const toStdout = () => new winston.transports.Console()
const logger = winston.createLogger({ transports: [toStdout()] })

class Kept extends Transport {
  lines = []
  delayMs = 0
  log(info, done) {
    this.lines.push(info[Symbol.for('message')])
    if (this.delayMs > 0) setTimeout(() => done(), this.delayMs)
    else done()
  }
}

export async function levels() {
  logger.info('plain')
  logger.debug('below the level')
  logger.warn('with fields', { user: 7, tags: ['a', 'b'] })
  logger.log('error', 'by name')
  logger.log({ level: 'info', message: 'as an object', own: true })
  logger.info({ message: 'an object', first: 1 })
}

/** Several transports write a line each; it is one line. The strictest of them decides nothing. */
export async function transports() {
  const all = new Kept({ level: 'debug' })
  const errors = new Kept({ level: 'error' })
  const silent = new Kept({ silent: true, level: 'silly' })
  const own = winston.createLogger({ level: 'warn', transports: [all, errors, silent] })
  own.debug('to one')
  own.error('to two')
  own.silly('to the silent one')
  await sleep(1)
  return [all.lines, errors.lines, silent.lines]
}

export async function silenced() {
  const own = winston.createLogger({ silent: true, transports: [toStdout()] })
  own.error('never written')
}

/** What a format of the app takes away or drops is not there. */
export async function formats() {
  const hide = format((info) => (info.secretive ? false : { ...info, street: '***' }))
  const own = winston.createLogger({
    format: format.combine(format.splat(), hide(), format.colorize({ all: true }), format.simple()),
    transports: [toStdout()],
  })
  own.info('hello %s', 'there', { street: 'Elm Street 7', password: canary })
  own.info('dropped', { secretive: true })
  own.warn(`token=${canary}`)
}

export async function children() {
  const own = winston.createLogger({ defaultMeta: { service: 'mail' }, transports: [toStdout()] })
  own.child({ request: 12 }).info('from a child')
  own.error('failed:', Object.assign(new TypeError(' it broke'), { stack: 'TypeError: it broke' }))
}

/** One object that the app logs from two spans. */
export async function sameObject() {
  const info = { message: 'shared' }
  await span('first', async () => logger.info(info))
  await span('second', async () => logger.info(info))
}

/** A transport so slow that the logger has to keep its lines: they still belong to whoever wrote them. */
export async function slow() {
  const kept = new Kept({})
  kept.delayMs = 1
  const own = winston.createLogger({ transports: [kept] })
  await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      span(`slow ${i}`, async () => {
        own.info(`slow line ${i}`)
      }),
    ),
  )
  while (kept.lines.length < 60) await sleep(5)
  return kept.lines
}

export async function byConsole() {
  const own = winston.createLogger({ transports: [new winston.transports.Console({ forceConsole: true })] })
  own.info('through the console')
}

export async function throwing() {
  const bad = format(() => {
    throw new RangeError('format')
  })
  const own = winston.createLogger({ format: bad(), transports: [toStdout()] })
  try {
    own.info('never written')
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
}

export async function operation(i) {
  await span('step', () => sleep(i % 3))
  logger.info(`operation ${i}`, { i })
  return i
}
