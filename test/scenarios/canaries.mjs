// An app that handles secrets as apps do: every one holds the canary, which comes from outside so that no source text has it.
import http from 'node:http'
import { Anthropic } from '@anthropic-ai/sdk'
import { annotate, span, tool, track } from '@perf/agent/api'
import express from 'express'
import { Redis } from 'ioredis'
import OpenAI from 'openai'
import pg from 'pg'

const { CANARY, OPENAI_TEST_URL, ANTHROPIC_TEST_URL, QUOTING_URL, REDIS_PORT } = process.env
const secret = (kind) => `${CANARY}${kind}`
/** Lets a call fail and goes on. */
const fails = (promise) =>
  promise.then(
    () => console.log('no error'),
    () => undefined,
  )

const app = express()
app.post('/login/:id', express.json(), async (request, response) => {
  await span('work', () => work(request), { token: secret('attribute') })
  response
    .cookie('session', secret('setcookie'))
    .set('x-custom', secret('responseheader'))
    .json({ secret: secret('responsebody') })
})
app.get('/fails', () => {
  throw Object.assign(new Error(`connect failed: postgres://app:${secret('errorurl')}@db/shop`), { note: secret('errorfield') })
})
app.use((error, request, response, _next) => response.status(500).end())

async function work() {
  annotate({ 'db.connection_string': `postgres://app:${secret('noted')}@db/shop`, authorization: secret('notedheader') })
  await Promise.all([sql(), redis(), openai(), anthropic(), outgoing(), tools()])
}

async function sql() {
  const { PGUSER: user, PGHOST: host, PGPORT: port, PGDATABASE: database } = process.env
  const pool = new pg.Pool({
    connectionString: `postgres://${user}:${secret('pgpassword')}@${host}:${port}/${database}?application_name=perf`,
  })
  await pool.query('SELECT $1::text AS a', [secret('pgparameter')])
  await pool.query(`SELECT '${secret('pginline')}' AS a, $1::int AS b`, [1])
  await pool.query(
    `SELECT E'it''s ${secret('pgescaped')}', $tag$${secret('pgdollar')}$tag$ -- ${secret('pgcomment')}\n /* ${secret('pgblock')} */`,
  )
  await pool.query({ name: 'named', text: 'SELECT $1::text AS a', values: [secret('pgnamed')] })
  await fails(pool.query('SELECT $1::int', [secret('pgcast')]))
  await fails(pool.query(`SELECT '${secret('pgquote')} "with" quotes'::int`))
  await fails(pool.query(`SELECT 'open ${secret('pgopen')}`))
  await pool.query('CREATE TEMP TABLE IF NOT EXISTS perf_canary (id int PRIMARY KEY, mail text UNIQUE, n int CHECK (n > 0))')
  const client = await pool.connect()
  await client.query('CREATE TEMP TABLE IF NOT EXISTS perf_canary (id int PRIMARY KEY, mail text UNIQUE, n int CHECK (n > 0))')
  await client.query('INSERT INTO perf_canary VALUES (1, $1, 1) ON CONFLICT DO NOTHING', [secret('pgunique')])
  await fails(client.query('INSERT INTO perf_canary VALUES (2, $1, 1)', [secret('pgunique')]))
  await fails(client.query(`INSERT INTO perf_canary VALUES (3, '${secret('pgcheck')}', -1)`))
  client.release()
  await pool.end()
  await fails(new pg.Client(`postgres://app:${secret('pgrefused')}@127.0.0.1:1/shop`).connect())
}

async function redis() {
  const client = new Redis(`redis://:@127.0.0.1:${REDIS_PORT}/0`, { keyPrefix: 'perf:' })
  await client.set(secret('rediskey'), secret('redisvalue'), 'EX', 10)
  await client.get(secret('rediskey'))
  await client.pipeline().hset(secret('redishash'), 'field', secret('redisfield')).expire(secret('redishash'), 10).exec()
  await client.multi().set(secret('redismulti'), secret('redismulti'), 'EX', 10).exec()
  await fails(client.call('AUTH', secret('redisuser'), secret('redisauth')))
  await fails(client.call('NOSUCHCOMMAND', secret('redisargument'), secret('redissecond')))
  await fails(client.eval('return redis.error_reply(ARGV[1])', 0, secret('redisreply')))
  await fails(client.incr(secret('rediskey')))
  client.disconnect()
  const refused = new Redis(`redis://app:${secret('redisurl')}@127.0.0.1:1`, { lazyConnect: true, retryStrategy: null })
  refused.on('error', () => undefined)
  await fails(refused.connect())
}

async function openai() {
  const client = new OpenAI({
    apiKey: secret('apikey'),
    baseURL: OPENAI_TEST_URL,
    maxRetries: 0,
    defaultHeaders: { 'x-tenant': secret('tenant') },
  })
  const messages = [{ role: 'system', content: secret('system') }, { role: 'user', content: `${secret('prompt')} [[say:${secret('answer')}]]` }] // prettier-ignore
  const parameters = { type: 'object', properties: { id: { type: 'string', description: secret('schema') } } }
  const tools = [{ type: 'function', function: { name: 'lookup', description: secret('description'), parameters } }]
  await client.chat.completions.create({ model: 'gpt-4o-mini', messages, tools, user: secret('enduser') })
  for await (const chunk of await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })) void chunk
  await client.chat.completions.create({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: `[[tool:lookup {"id":"${secret('toolcall')}"}]]` }],
    tools,
  })
  await client.responses.create({
    model: 'gpt-4o-mini',
    instructions: secret('instructions'),
    input: secret('input'),
    metadata: { note: secret('metadata') },
  })
  await client.embeddings.create({ model: 'text-embedding-3-small', input: secret('embedded') })
  await client.images.generate({ model: 'gpt-image-1', prompt: secret('image') })
  const quoting = new OpenAI({ apiKey: secret('wrongkey'), baseURL: `${QUOTING_URL}/v1`, maxRetries: 0 })
  await fails(quoting.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: secret('quoted') }] }))
  await fails(
    quoting.responses.create({ model: 'gpt-4o-mini', input: `it's "${secret('quotedtwice')}"\n    at ${secret('frame')} (x.js:1:1)` }),
  )
  const unhappy = track({ layer: 'step', name: 'unhappy' }, () => quoting.embeddings.create({ model: 'm', input: secret('quotedinside') }))
  await fails(unhappy())
}

async function anthropic() {
  const client = new Anthropic({ apiKey: secret('anthropickey'), baseURL: ANTHROPIC_TEST_URL, maxRetries: 0 })
  const ask = { model: 'claude-test', max_tokens: 64, system: secret('claudesystem') }
  await client.messages.create({
    ...ask,
    messages: [{ role: 'user', content: `${secret('claudeprompt')} [[say:${secret('claudeanswer')}]]` }],
  })
  await client.messages
    .stream({
      ...ask,
      messages: [{ role: 'user', content: `[[tool:lookup {"id":"${secret('claudetool')}"}]]` }],
      tools: [{ name: 'lookup', input_schema: { type: 'object' } }],
    })
    .finalMessage()
  const quoting = new Anthropic({ apiKey: secret('claudewrongkey'), baseURL: QUOTING_URL, maxRetries: 0 })
  await fails(quoting.messages.create({ ...ask, messages: [{ role: 'user', content: secret('claudequoted') }] }))
}

async function outgoing() {
  const headers = { authorization: `Bearer ${secret('bearer')}`, cookie: `sid=${secret('cookie')}`, 'x-private': secret('header') }
  await (await fetch(`${QUOTING_URL}/data?key=${secret('query')}#${secret('hash')}`, { headers })).text()
  await (await fetch(`${QUOTING_URL}/data`, { method: 'POST', headers, body: JSON.stringify({ password: secret('body') }) })).text()
  const url = new URL(QUOTING_URL)
  await new Promise((resolve, reject) => {
    const options = {
      host: url.hostname,
      port: url.port,
      path: `/data?token=${secret('httpquery')}`,
      auth: `user:${secret('httpauth')}`,
      headers,
    }
    http.get(options, (response) => response.resume().on('end', resolve)).on('error', reject)
  })
  await fails(fetch(`http://user:${secret('userinfo')}@127.0.0.1:1/`))
  await fails(fetch(`http://127.0.0.1:1/?secret=${secret('refusedquery')}`))
}

async function tools() {
  const charge = tool('charge', async ({ card }) => ({ receipt: `${card}${secret('toolresult')}` }))
  await charge({ card: secret('toolargument') })
  const { findCustomer } = await import(process.env.TOOL_FILE)
  await findCustomer(secret('globargument'))
  await fails(findCustomer(''))
  await fails(track({ name: 'parse' }, async (text) => JSON.parse(text))(secret('json')))
  await fails(track({ name: 'parse' }, async (text) => JSON.parse(text))(`{ "a": 1, "b": ${secret('cutjson')} }`))
  for await (const part of track({ layer: 'tool', name: 'stream' }, async function* (text) {
    yield text
  })(secret('streamed')))
    void part
}

const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const headers = {
    authorization: `Basic ${secret('basic')}`,
    cookie: `session=${secret('incookie')}`,
    'content-type': 'application/json',
    'x-forwarded-for': '10.0.0.1',
    'x-api-key': secret('inkey'),
    connection: 'close',
  }
  const answer = await fetch(`${url}/login/1?code=${secret('inquery')}&plain=${secret('inplain')}`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ password: secret('inbody') }),
  })
  await answer.text()
  await (await fetch(`${url}/fails`, { headers: { connection: 'close' } })).text()
  await (await fetch(`${url}/login/2`, { method: 'POST', headers, body: `${secret('badbody')}` })).text()
  console.log(answer.status)
  server.close()
  server.closeAllConnections()
})
