import http from 'node:http'
import fastify from 'fastify'
import { span } from '@perf/agent/api'
import { held, load, siblings } from './web-load.js'

const app = fastify()
const seen = {}
const answer = async (request) => span('handler', () => ({ params: request.params }))

app.get('/', answer)
app.get('/users/:id', answer)
app.post(
  '/users',
  { schema: { body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } } },
  async (request) => request.body,
)
app.get('/callback', (_request, reply) => void setTimeout(() => span('handler', () => void reply.send('ok')), 5))
app.get('/stream', async (_request, reply) => reply.send(await import('node:stream').then(({ Readable }) => Readable.from(['a', 'b']))))
app.get('/held/:id', async (request) => held(request.params.id))
app.get('/siblings', async () => siblings())
app.get('/throws', async () => {
  throw new TypeError('thrown')
})
app.get('/sync-throws', () => {
  throw new RangeError('thrown at once')
})
app.get('/known', async () => {
  throw Object.assign(new Error('known'), { statusCode: 409 })
})
app.get('/guarded', { onRequest: async (_request, reply) => reply.code(401).send('no') }, answer)
app.get('/hook-fails', { preHandler: async () => Promise.reject(new Error('hook')) }, answer)
app.get('/hijacked', (_request, reply) => {
  reply.hijack()
  reply.raw.end('raw')
})
app.register(
  async (teams) => {
    teams.get('/members/:member', answer)
    teams.get('/files/*', answer)
  },
  { prefix: '/teams/:team' },
)

async function main() {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address()
  const agent = new http.Agent({ keepAlive: true })
  const call = (path, method = 'GET', body = undefined) =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
      const request = http.request({ host: '127.0.0.1', port, path, method, agent, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve([response.statusCode, text]))
      })
      request.on('error', reject).end(body)
    })
  const paths = [
    '/',
    '/users/42',
    '/callback',
    '/stream',
    '/throws',
    '/sync-throws',
    '/known',
    '/guarded',
    '/hook-fails',
    '/hijacked',
    '/teams/7/members/8?x=1',
    '/teams/7/files/a/b',
    '/nothing/here',
  ]
  for (const path of paths) seen[path] = await call(path)
  seen.created = await call('/users', 'POST', '{"name":"ada"}')
  seen.refused = await call('/users', 'POST', '{"nam":"ada"}')
  const concurrent = await Promise.all(Array.from({ length: 50 }, (_, i) => call(`/teams/${i}/members/${i}`)))
  seen.concurrent = concurrent.map(([status]) => status).join()
  const injected = await app.inject('/users/1')
  seen.injected = [injected.statusCode, injected.body]
  seen.load = await load(port)
  agent.destroy()
  await app.close()
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
