import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { benchRoot } from './paths.mjs'

/** A measured program that does not start, fails a request or ends by itself; the run goes on without its variant. */
export class VariantFailure extends Error {
  code = 'VARIANT_FAILED'

  constructor(variant, message) {
    super(`${variant.name}: ${message}`)
    this.variant = variant
  }
}

/**
 * Starts the app under a variant and resolves once it listens.
 * @param {{ node: { binary: string }, variant: object, services: object, folder: string }} of
 * @returns the running app: `url`, `readyMs` (spawn → listening) and the methods below
 * @throws {VariantFailure}
 */
export async function startApp({ node, variant, services, folder }) {
  const spawnedNs = process.hrtime.bigint()
  const child = spawn(node.binary, [...variant.nodeArguments, join(benchRoot, 'app', 'app.mjs')], {
    cwd: benchRoot,
    env: appEnvironment({ variant, services, folder }),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let complaints = ''
  child.stderr.on('data', (chunk) => (complaints = (complaints + chunk).slice(-4000)))
  const receive = receiver(
    child,
    () => complaints,
    (message) => new VariantFailure(variant, message),
  )
  const { port, atNs } = await receive('ready', 30_000)
  return {
    variant,
    folder,
    pid: child.pid,
    url: `http://127.0.0.1:${port}`,
    readyMs: Number(BigInt(atNs) - spawnedNs) / 1e6,
    complaints: () => complaints,
    async sample() {
      child.send('sample', () => {})
      const { sample } = await receive('sample', 20_000)
      return { cpuUs: sample.user + sample.system, servedBy: sample.servedBy, atMs: Number(BigInt(sample.atNs)) / 1e6 }
    },
    /** Sends a message with a `command` and gives the answer to it: of programs that know commands. */
    async ask(message) {
      child.send(message, () => {})
      return (await receive(message.command, 60_000))[message.command]
    },
    readMemory: () => readMemory(child.pid),
    readWrittenBytes: () => readWrittenBytes(child.pid),
    async stop() {
      const closed = new Promise((resolve) => child.once('close', resolve))
      if (child.exitCode !== null || child.signalCode !== null) return
      child.send('stop', () => {})
      const timer = setTimeout(() => child.kill('SIGKILL'), 8000)
      await closed
      clearTimeout(timer)
    },
  }
}

/** The environment of a measured process: the machine's own, without anything that would switch an agent on or change Node. */
export function appEnvironment({ variant, services, folder }) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(NODE_OPTIONS|NODE_CHANNEL_|PERF_|OTEL_|DD_|SENTRY_|ELASTIC_)/.test(name),
  )
  return {
    ...Object.fromEntries(inherited),
    NODE_ENV: 'production',
    BENCH_POSTGRES_URL: services.postgresUrl,
    BENCH_REDIS_URL: services.redisUrl,
    BENCH_AI_URL: `http://127.0.0.1:${services.fakeAi.port}/v1`,
    ...variant.environment({ sinkPort: services.sink.port, folder }),
  }
}

/** `receive(key, ms)` resolves with the next IPC message that has that key, and rejects when the process ends or stays silent. */
export function receiver(child, complaints = () => '', failure = (message) => new Error(message)) {
  return (key, timeoutMs) =>
    new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(timer)
        child.off('message', onMessage)
        child.off('exit', onExit)
        settle(value)
      }
      const onMessage = (message) => {
        if (message.failed) finish(reject, failure(message.failed))
        else if (key in message) finish(resolve, message)
      }
      const onExit = (code, signal) => finish(reject, failure(`ended (${signal ?? code}) before "${key}"\n${complaints()}`))
      const timer = setTimeout(() => finish(reject, failure(`no "${key}" within ${timeoutMs} ms\n${complaints()}`)), timeoutMs)
      child.on('message', onMessage)
      child.on('exit', onExit)
      if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode)
    })
}

/** Resident memory in MB. `anonymous` is what the process allocated, `file` what it maps (libraries, LMDB pages, shared memory). */
async function readMemory(pid) {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  const megabytes = (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)[1]) / 1024
  const rss = megabytes('Rss')
  const anonymous = megabytes('Anonymous')
  return { rss, anonymous, file: rss - anonymous }
}

/** Bytes this process caused to be sent to storage (page cache included), sockets not counted. */
async function readWrittenBytes(pid) {
  return Number(/^write_bytes: (\d+)/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))[1])
}
