// The app of DESIGN.md's budget table. It talks to the harness over IPC, so that asking for its CPU time makes no request and no span.
import express from 'express'
import pg from 'pg'
import { Redis } from 'ioredis'
import OpenAI from 'openai'

const pool = new pg.Pool({ connectionString: process.env.BENCH_POSTGRES_URL, max: 8 })
const redis = new Redis(process.env.BENCH_REDIS_URL)
const openai = new OpenAI({ apiKey: 'bench', baseURL: process.env.BENCH_AI_URL, maxRetries: 0 })

const key = `perf-bench:${process.pid}`
const messages = [
  { role: 'system', content: 'You answer in one sentence.' },
  { role: 'user', content: 'What does a recorder cost?' },
]
const servedBy = (globalThis.servedBy = { hello: 0, sql: 0, ai: 0 })

const app = express()

app.get('/hello', (_request, response) => {
  servedBy.hello += 1
  response.send('hello')
})

app.get('/sql', async (_request, response) => {
  const item = await pool.query('SELECT $1::int AS id, $2::text AS name', [servedBy.sql, 'item'])
  await redis.set(key, servedBy.sql)
  const size = await pool.query('SELECT length($1::text) AS size', [item.rows[0].name])
  const cached = await redis.get(key)
  servedBy.sql += 1
  response.json({ id: item.rows[0].id, size: size.rows[0].size, cached })
})

app.get('/ai', async (_request, response) => {
  const item = await pool.query('SELECT $1::int AS id', [servedBy.ai])
  await redis.set(key, servedBy.ai)
  const cached = await redis.get(key)
  const completion = await openai.chat.completions.create({ model: 'bench-model', messages })
  servedBy.ai += 1
  response.json({ id: item.rows[0].id, cached, answer: completion.choices[0].message.content })
})

const server = app.listen(0, '127.0.0.1', () =>
  process.send({ ready: true, port: server.address().port, atNs: String(process.hrtime.bigint()) }),
)

process.on('message', (message) => {
  if (message === 'sample') process.send({ sample: { ...process.cpuUsage(), servedBy, atNs: String(process.hrtime.bigint()) } })
  if (message === 'stop') process.exit(0)
})
process.on('disconnect', () => process.exit(0))
