// An app with sub-apps, base paths, guards, failures and the smaller presets, on Node's server. Prints what its clients saw.
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { span } from '@perf/agent/api'
import { Hono } from 'hono'
import { Hono as TinyHono } from 'hono/tiny'
import { held, load, siblings } from './web-load.js'

const seen = {}

function build() {
  const app = new Hono()
  app.use('*', async (c, next) => {
    await next()
    c.res.headers.set('x-app', 'hono')
  })
  app.use('/admin/*', async (c, next) => (c.req.query('locked') ? c.text('locked', 403) : next()))
  app.get('/', (c) => c.text('home'))
  app.get('/users/:id', async (c) => {
    await sleep(1)
    await span('handler', () => sleep(1))
    return c.json({ id: c.req.param('id') })
  })
  app.post('/users', async (c) => c.json(await c.req.json()))
  app.get('/files/:name{.+\\.txt}', (c) => c.text('file'))
  app.get('/specific/me', (c) => c.text('first'))
  app.get('/specific/:id', (c) => c.text('second'))
  app.get('/held/:id', async (c) => c.json(await held(c.req.param('id'))))
  app.get('/siblings', async (c) => c.json(await siblings()))
  app.get('/throws', () => {
    throw new Error('thrown')
  })
  app.get('/rejects', async () => {
    await sleep(1)
    throw new TypeError('rejected')
  })
  app.get('/caught', async (c) => {
    try {
      throw new Error('caught')
    } catch {
      return c.text('known', 500)
    }
  })
  app.get(
    '/chain',
    async (c, next) => next(),
    (c) => c.text('chained'),
  )
  app.all('/any', (c) => c.text(c.req.method))
  app.get('/admin/:section', (c) => c.text('section'))
  app.onError((error, c) => c.text(error.message, 500))

  const members = new Hono()
  members.get('/:member', (c) => c.json(c.req.param()))
  const teams = new Hono().basePath('/teams/:team')
  teams.get('/', (c) => c.text('team'))
  teams.route('/members', members)
  app.route('/', teams)

  const guarded = new Hono()
  guarded.onError((error, c) => c.text(error.message, 418))
  guarded.get('/pot/:size', (c) => c.text(c.req.param('size')))
  guarded.get('/broken', () => {
    throw new Error('inner')
  })
  app.route('/guarded', guarded)

  const failing = new Hono()
  failing.onError((error, c) => c.text(error.message, 503))
  failing.get('/nested', async () => {
    throw new RangeError('nested')
  })
  app.route('/failing', failing)
  return app
}

async function listen(app) {
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  if (!server.listening) await once(server, 'listening')
  return server
}

async function main() {
  const app = build()
  const server = await listen(app)
  const tiny = new TinyHono()
  tiny.get('/tiny/:id', (c) => c.text(c.req.param('id')))
  const tinyServer = await listen(tiny)
  const agent = new http.Agent({ keepAlive: true })
  const call = (path, method = 'GET', body = undefined, target = server) =>
    new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: target.address().port, path, method, agent }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve([response.statusCode, text, response.headers['x-app']]))
      })
      request.on('error', reject).end(body)
    })
  const paths = [
    '/',
    '/users/42',
    '/files/a/b.txt',
    '/specific/me',
    '/throws',
    '/rejects',
    '/caught',
    '/failing/nested',
    '/chain',
    '/any',
    '/admin/people',
    '/admin/secrets?locked=1',
    '/teams/7',
    '/teams/7/members/8?x=1',
    '/guarded/pot/5',
    '/guarded/broken',
    '/nothing/here',
  ]
  for (const path of paths) seen[path] = await call(path)
  seen.created = await call('/users', 'POST', '{"name":"ada"}')
  seen.head = await call('/users/43', 'HEAD')
  seen.tiny = await call('/tiny/3', 'GET', undefined, tinyServer)
  const concurrent = await Promise.all(Array.from({ length: 50 }, (_, i) => call(`/users/c${i}`)))
  seen.concurrent = concurrent.map(([status, text]) => `${status} ${text}`).join()
  const direct = await app.request('/users/1')
  seen.direct = [direct.status, await direct.text()]
  seen.routes = app.routes.map(({ method, path, handler }) => `${method} ${path} ${handler.name} ${handler.length}`)
  seen.load = await load(server.address().port)
  agent.destroy()
  server.close()
  tinyServer.close()
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
