// Calls of clients without an integration, by the host they go to: the real name, with the connection led to a server here.
import { afterAll, describe, expect, it } from 'vitest'
import { startOpenAIServer } from '../servers/openai.ts'
import { runCli } from '../support/cli.ts'
import { record, type Format, type Recorded } from '../support/record.ts'
import type { RecordedSpan } from '../support/read-session.ts'

const server = await startOpenAIServer()
afterAll(() => server.close())

const packages = ['undici@6.29.1', 'openai@6.49.0']

// `lookup` leads every name to this machine.
const HEAD = `
import http from 'node:http'
import { once } from 'node:events'
import { Agent, fetch } from 'undici'
import { OpenAI } from 'openai'
import { span, tool, track } from '@perf/agent/api'

const port = Number(process.env.AI_PORT)
const lookup = (name, options, done) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4))
const dispatcher = new Agent({ connect: { lookup } })
const body = JSON.stringify({ model: 'deepseek-chat', messages: [{ role: 'user', content: '[[say:hi]] ' + process.env.CANARY }] })
const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.CANARY }
const post = async (host, path, more) =>
  (await fetch('http://' + host + ':' + port + path, { method: 'POST', headers, body, dispatcher, ...more })).text()
async function byHttp(host, path, method = 'POST') {
  const request = http.request({ host, port, path, method, headers, lookup })
  request.end(method === 'POST' ? body : undefined)
  const [response] = await once(request, 'response')
  response.resume()
  await once(response, 'end')
}
`

async function run(cases: string, format: Format = 'esm', env: Record<string, string> = {}): Promise<Recorded> {
  const app = `${HEAD}\nvoid (async () => {\n${cases}\nawait dispatcher.close()\n})()\n`
  const recorded = await record({
    app,
    format,
    packages,
    env: { AI_PORT: String(server.port), CANARY: 'canary-4711', PERF_DISABLE: 'dns,net', ...env },
  })
  expect([recorded.status, recorded.stderr]).toEqual([0, ''])
  return recorded
}

const below = (spans: RecordedSpan[], name: string) => {
  const parent = spans.find((span) => span.name === name)
  return spans.filter((span) => span.parentId === parent?.spanId)
}
const facts = ({ name, layer, kind, status, integration }: RecordedSpan) => ({ name, layer, kind, status, integration })
const own = (integration: string, name = 'chat') => ({ name, layer: 'ai', kind: 'client', status: 'unset', integration })
const transport = { name: 'POST', layer: 'http', kind: 'client', status: 'unset', integration: 'undici' }

describe.each(['esm', 'cjs'] as const)('AI calls recognised by host (%s)', (format) => {
  it('makes an AI call of a request, by fetch and by node:http, without its body', async () => {
    const { spans } = await run(
      `await span('fetch', () => post('api.deepseek.com', '/v1/chat/completions'))
       await span('http', () => byHttp('api.mistral.ai', '/v1/chat/completions?api_key=secret'))`,
      format,
    )
    const [fetched] = below(spans, 'fetch')
    expect(fetched && facts(fetched)).toEqual(own('undici'))
    expect(fetched?.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'deepseek',
      'perf.ai.recognised_by': 'host',
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'perf.ai.limit.requests': 10_000,
      'perf.ai.limit.requests_remaining': 9999,
      'perf.ai.processing_ms': 5,
      'perf.ai.request_id': expect.stringMatching(/^req_/) as string,
      'server.address': 'api.deepseek.com',
      'server.port': server.port,
      'url.full': `http://api.deepseek.com:${server.port}/v1/chat/completions`,
    })
    const [sent] = below(spans, 'http')
    expect(sent && facts(sent)).toEqual(own('http-client'))
    expect(sent?.attributes).toMatchObject({
      'gen_ai.provider.name': 'mistral_ai',
      'url.full': expect.not.stringContaining('secret') as string,
    })
    expect(JSON.stringify(spans)).not.toContain('canary-4711')
  })

  it('takes the model from the path, and the error from the answer', async () => {
    const { spans } = await run(
      `await span('gemini', () => post('generativelanguage.googleapis.com', '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse'))`,
      format,
    )
    const [call] = below(spans, 'gemini')
    expect(call && facts(call)).toEqual({ ...own('undici', 'generate_content gemini-2.5-flash'), status: 'error' })
    expect(call?.attributes).toMatchObject({
      'gen_ai.provider.name': 'gcp.gemini',
      'gen_ai.request.model': 'gemini-2.5-flash',
      'gen_ai.request.stream': true,
      'error.type': '404',
    })
  })

  it('leaves other requests to such a host, and such requests to other hosts, as they were', async () => {
    const { spans } = await run(
      `await span('others', async () => {
         await byHttp('api.openai.com', '/v1/models', 'GET')
         await post('api.openai.com', '/v1/files')
         await post('api.example.com', '/v1/chat/completions')
       })`,
      format,
    )
    expect(below(spans, 'others').map(({ layer, name }) => [layer, name])).toEqual([
      ['http', 'GET'],
      ['http', 'POST'],
      ['http', 'POST'],
    ])
  })

  it('counts a call once where an SDK makes it, and again where a tool of its own does', async () => {
    const { spans } = await run(
      `const client = new OpenAI({
         apiKey: 'k', baseURL: 'http://api.deepseek.com:' + port + '/v1', maxRetries: 0, fetch: (url, init) => fetch(url, { ...init, dispatcher }),
       })
       await span('sdk', () => client.chat.completions.create({ model: 'deepseek-chat', messages: [{ role: 'user', content: '[[say:hi]]' }] }))
       const traced = track({ name: 'traced fetch', layer: 'function' }, () => post('api.deepseek.com', '/v1/chat/completions'))
       const search = tool('search', () => post('api.deepseek.com', '/v1/chat/completions'))
       await span('by hand', track({ name: 'chat by hand', layer: 'ai' }, async () => [await traced(), await search()]))`,
      format,
    )
    const [sdk] = below(spans, 'sdk')
    expect(sdk && facts(sdk)).toEqual(own('openai', 'chat deepseek-chat'))
    expect(sdk?.attributes['gen_ai.provider.name']).toBe('deepseek')
    expect(below(spans, 'chat deepseek-chat').map(facts)).toEqual([transport])
    expect(below(spans, 'traced fetch').map(facts)).toEqual([transport])
    expect(below(spans, 'search').map(facts)).toEqual([own('undici')])
  })
})

it('says in doctor which calls those were and what is missing, and counts each once in the views', async () => {
  const { perfDir } = await run(`
    const client = new OpenAI({
      apiKey: 'k', baseURL: 'http://api.deepseek.com:' + port + '/v1', maxRetries: 0, fetch: (url, init) => fetch(url, { ...init, dispatcher }),
    })
    await client.chat.completions.create({ model: 'deepseek-chat', messages: [{ role: 'user', content: '[[say:hi]]' }] })
    for (let i = 0; i < 3; i++) await post('openrouter.ai', '/v1/chat/completions')`)
  const { stdout } = await runCli(['doctor', '--json', '--dir', perfDir])
  expect(JSON.parse(stdout)).toMatchObject({
    recognised_ai_calls: [{ provider: 'openrouter', host: 'openrouter.ai', integration: 'undici', calls: 3 }],
  })
  const text = (await runCli(['doctor', '--dir', perfDir])).stdout
  expect(text.replace(/\s+/g, ' ')).toMatch(
    /AI calls recognised by host.*openrouter openrouter\.ai undici 3.*tokens, cost and finish reasons are not/,
  )
  const sql = async (query: string) => JSON.parse((await runCli(['sql', '--json', '--dir', perfDir, query])).stdout) as unknown
  expect(
    await sql(`SELECT provider, count(*)::INT AS n, count(input_tokens)::INT AS counted FROM ai_calls GROUP BY ALL ORDER BY n`),
  ).toEqual([
    { provider: 'deepseek', n: 1, counted: 1 },
    { provider: 'openrouter', n: 3, counted: 0 },
  ])
  expect(await sql(`SELECT server, count(*)::INT AS n FROM requests WHERE direction = 'out' GROUP BY ALL ORDER BY n`)).toEqual([
    { server: 'api.deepseek.com', n: 1 },
    { server: 'openrouter.ai', n: 3 },
  ])
})

it('recognises the calls of an SDK whose integration is switched off', async () => {
  const { spans } = await run(
    `const client = new OpenAI({
       apiKey: 'k', baseURL: 'http://api.deepseek.com:' + port + '/v1', maxRetries: 0, fetch: (url, init) => fetch(url, { ...init, dispatcher }),
     })
     await span('sdk', () => client.chat.completions.create({ model: 'deepseek-chat', messages: [{ role: 'user', content: '[[say:hi]]' }] }))`,
    'esm',
    { PERF_DISABLE: 'dns,net,openai' },
  )
  expect(below(spans, 'sdk').map(facts)).toEqual([own('undici')])
})
