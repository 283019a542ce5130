// An app with nested and prefixed routers, a mounted app, guards and failures. Prints what its clients saw as one line of JSON.
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'
import Koa from 'koa'
import koaMount from 'koa-mount'
import { held, load, siblings } from './web-load.js'

const seen = {}

async function main() {
  const { default: Router } = await import(process.env.LIBRARY === 'koa' ? '@koa/router' : process.env.LIBRARY)
  const app = new Koa()
  app.silent = true
  app.use(async (ctx, next) => {
    ctx.set('x-app', 'koa')
    await next()
  })

  const members = new Router({ prefix: '/members' })
  members.get('/:member', (ctx) => (ctx.body = ctx.params))
  const teams = new Router({ prefix: '/teams/:team' })
  teams.use(async (ctx, next) => {
    if (ctx.query.locked) {
      ctx.status = 403
      return
    }
    await next()
  })
  teams.use(members.routes())
  teams.get('/', (ctx) => (ctx.body = 'team'))

  const router = new Router()
  router.get('/', (ctx) => (ctx.body = 'home'))
  router.get('named', '/users/:id', async (ctx) => {
    await sleep(1)
    await span('handler', () => sleep(1))
    ctx.body = { id: ctx.params.id }
  })
  router.post('/users', (ctx) => (ctx.body = 'created'))
  router.get(/^\/files\/(.*)\.txt$/, (ctx) => (ctx.body = 'file'))
  router.get('/specific/:id', (ctx) => (ctx.body = 'first'))
  router.get('/specific/me', (ctx) => (ctx.body = 'second'))
  router.get('/held/:id', async (ctx) => (ctx.body = await held(ctx.params.id)))
  router.get('/siblings', async (ctx) => (ctx.body = await siblings()))
  router.get('/throws', () => {
    throw new Error('thrown')
  })
  router.get('/known', (ctx) => ctx.throw(409, 'known'))
  router.get('/caught', async (ctx) => {
    ctx.status = 503
    ctx.body = 'busy'
  })
  app.use(router.routes())
  app.use(router.allowedMethods())
  app.use(teams.routes())

  const inner = new Koa()
  const innerRouter = new Router()
  innerRouter.get('/reports/:report', (ctx) => (ctx.body = ctx.params))
  inner.use(innerRouter.routes())
  app.use(koaMount('/mounted', inner))

  const server = http.createServer(app.callback())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new http.Agent({ keepAlive: true })
  const call = (path, method = 'GET') =>
    new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: server.address().port, path, method, agent }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve([response.statusCode, text, response.headers['x-app']]))
      })
      request.on('error', reject).end()
    })
  const paths = [
    '/',
    '/users/42',
    '/files/a.txt',
    '/specific/me',
    '/throws',
    '/known',
    '/caught',
    '/teams/7',
    '/teams/7/members/8?x=1',
    '/teams/9/members/9?locked=1',
    '/mounted/reports/5',
    '/nothing/here',
  ]
  for (const path of paths) seen[path] = await call(path)
  seen.created = await call('/users', 'POST')
  seen.head = await call('/users/43', 'HEAD')
  seen.notAllowed = await call('/users', 'DELETE')
  const concurrent = await Promise.all(Array.from({ length: 50 }, (_, i) => call(`/users/c${i}`)))
  seen.concurrent = concurrent.map(([status, text]) => `${status} ${text}`).join()
  seen.load = await load(server.address().port)
  agent.destroy()
  server.close()
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
