import { fork } from 'node:child_process'
import { join } from 'node:path'
import pg from 'pg'
import { Redis } from 'ioredis'
import { receiver } from './app-process.mjs'
import { benchRoot } from './paths.mjs'

/** Thrown when PostgreSQL or Redis cannot be reached; the message says which and where it was looked for. */
export class MissingServiceError extends Error {
  code = 'MISSING_SERVICE'
}

/**
 * Finds PostgreSQL and Redis, and starts the helpers that run beside the app: the sink, the fake AI endpoint and the load generator.
 * @throws {MissingServiceError}
 */
export async function startServices() {
  const [postgresUrl, redisUrl] = await findDatabases()
  const [sink, fakeAi, load] = await Promise.all([
    startHelper('sink.mjs', 'port'),
    startHelper('fake-ai.mjs', 'port'),
    startHelper('load.mjs', 'ready'),
  ])
  return {
    postgresUrl,
    redisUrl,
    sink: {
      port: sink.message.port,
      startCounting: () => sink.child.send('count'),
      stopCounting: () => sink.child.send('quiet'),
      async counts() {
        sink.child.send('counts')
        return (await sink.receive('counts', 5000)).counts
      },
    },
    fakeAi: { port: fakeAi.message.port },
    /** Starts load and resolves when the app is warm, with `stop`, which gives the latencies since then. */
    async startLoad(job) {
      load.child.send(job)
      await load.receive('warm', job.warmUp.atMostMs + 20_000)
      return {
        async stop() {
          load.child.send('stop')
          return (await load.receive('done', 20_000)).done
        },
      }
    },
    stop: () => [sink, fakeAi, load].forEach(({ child }) => child.disconnect()),
  }
}

async function findDatabases() {
  const postgresCandidates = process.env.DATABASE_URL
    ? [process.env.DATABASE_URL]
    : ['root', 'postgres'].map((user) => `postgres://${user}@127.0.0.1:5432/test`)
  const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
  const [postgres, redis] = await Promise.all([firstReachable(postgresCandidates, reachPostgres), firstReachable([redisUrl], reachRedis)])
  const missing = []
  if (!postgres.url)
    missing.push(`PostgreSQL, looked for at ${postgresCandidates.join(' and ')}, or name it in DATABASE_URL (${postgres.reason})`)
  if (!redis.url) missing.push(`Redis, looked for at ${redisUrl}, or name it in REDIS_URL (${redis.reason})`)
  if (missing.length > 0) throw new MissingServiceError(`Not reachable: ${missing.join('; ')}`)
  return [postgres.url, redis.url]
}

async function firstReachable(urls, reach) {
  let reason
  for (const url of urls) {
    try {
      await reach(url)
      return { url }
    } catch (error) {
      reason = error.code ?? error.message
    }
  }
  return { reason }
}

async function reachPostgres(connectionString) {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 3000 })
  await client.connect()
  await client.end()
}

async function reachRedis(url) {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, connectTimeout: 3000 })
  redis.on('error', () => {})
  await redis.connect()
  redis.disconnect()
}

async function startHelper(file, firstKey) {
  const child = fork(join(benchRoot, file), { stdio: 'inherit' })
  const receive = receiver(child)
  return { child, receive, message: await receive(firstKey, 15_000) }
}
