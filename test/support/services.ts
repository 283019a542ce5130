// The services the driver tests need. One that is not there is a visible skip on a laptop and a failure in CI.
import net from 'node:net'
import { describe, it } from 'vitest'

export interface Service {
  name: string
  host: string
  port: number
  /** What a scenario reads to find it. */
  env: Record<string, string>
}

const postgresPort = Number(process.env['PGPORT'] ?? 5432)
const mariadbPort = Number(process.env['MYSQL_PORT'] ?? 3306)
const redisPort = Number(process.env['REDIS_PORT'] ?? 6379)

/** PostgreSQL with trust authentication and a database `test`. */
export const postgres: Service = {
  name: 'PostgreSQL',
  host: '127.0.0.1',
  port: postgresPort,
  env: {
    PGHOST: '127.0.0.1',
    PGPORT: String(postgresPort),
    PGDATABASE: 'test',
    PGUSER: process.env['PGUSER'] ?? 'postgres',
    PGPASSWORD: '',
  },
}

/** MariaDB with a user without password and a database `test`. */
export const mariadb: Service = {
  name: 'MariaDB',
  host: '127.0.0.1',
  port: mariadbPort,
  env: {
    MYSQL_HOST: '127.0.0.1',
    MYSQL_PORT: String(mariadbPort),
    MYSQL_USER: process.env['MYSQL_USER'] ?? 'root',
    MYSQL_DATABASE: 'test',
  },
}

export const redis: Service = { name: 'Redis', host: '127.0.0.1', port: redisPort, env: { REDIS_PORT: String(redisPort) } }

/** RabbitMQ with the user `guest` on this machine. */
export const rabbitmq: Service = {
  name: 'RabbitMQ',
  host: '127.0.0.1',
  port: 5672,
  env: { RABBITMQ_URL: 'amqp://guest:guest@localhost:5672' },
}

/** Mosquitto that takes anonymous clients. */
export const mosquitto: Service = { name: 'Mosquitto', host: '127.0.0.1', port: 1883, env: { MQTT_URL: 'mqtt://localhost:1883' } }

/** NATS with JetStream. */
export const nats: Service = { name: 'NATS', host: '127.0.0.1', port: 4222, env: { NATS_URL: 'localhost:4222' } }

/** What makes the names of queues and topics differ from those of another run on the same broker; letters only. */
export const runName = process.pid.toString(36).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')

/** Declares `suite` when `service` answers; else a skipped test that says so, or a failing one with PERF_TEST_REQUIRE_SERVICES=1. */
export async function describeWithService(service: Service, name: string, suite: () => void): Promise<void> {
  if (await answers(service)) {
    describe(name, suite)
    return
  }
  const missing = `${name}: no ${service.name} on ${service.host}:${service.port}`
  if (process.env['PERF_TEST_REQUIRE_SERVICES'] === '1') {
    it(missing, () => {
      throw new Error(missing)
    })
  } else {
    it.skip(missing)
  }
}

function answers(service: Service): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: service.host, port: service.port, timeout: 1000 })
    const settle = (there: boolean) => {
      socket.destroy()
      resolve(there)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}
