import { once } from 'node:events'
import http from 'node:http'
import express from 'express'
import { span } from '@perf/agent/api'
import { held, load, siblings } from './web-load.js'

const app = express()
app.disable('x-powered-by')
const seen = {}
const pass = (_request, _response, next) => next()
const answer = (request, response) => span('handler', () => response.json({ base: request.baseUrl, params: request.params }))

app.use(pass)
app.use('/static', pass)
app.get('/', answer)
app.get('/users/:id', pass, answer)
app.post('/users', express.json(), (request, response) => response.json(request.body))
app.get(/^\/files\/(.*)\.txt$/, answer)
app.get(['/first/:a', '/second/:b'], answer)
app.all('/any', answer)
app.get('/async', async (_request, response) => {
  await new Promise((resolve) => setTimeout(resolve, 5))
  span('handler', () => response.send('ok'))
})

const posts = express.Router({ mergeParams: true })
posts.use(pass)
posts.get('/', answer)
posts.get('/:post', answer)
const members = express.Router({ mergeParams: true })
members.use('/:member/posts', pass, posts)
members.get('/', answer)
app.use('/teams/:team/members', members)
app.use(['/en', '/de'], posts)
app.use('/deep', express.Router().use('/er', express.Router().get('/still/:x', answer)))

const admin = express()
admin.get('/:section', answer)
app.use('/admin/:tenant', admin)
// A router that the app calls by itself.
app.use('/lazy/:id', (request, response, next) => posts(request, response, next))
// Leaves a parametrised mount again before the real one.
app.use('/:tenant/reports', pass)
app.get('/:tenant/reports/:report', answer)

app.get('/held/:id', (request, response) => void held(request.params.id).then((answer) => response.json(answer)))
app.get('/siblings', pass, (_request, response) => void siblings().then((answer) => response.json(answer)))

app.get('/throws', () => {
  throw new TypeError('thrown')
})
app.get('/next', (_request, _response, next) => next(new RangeError('passed on')))
app.get('/known', (_request, _response, next) => next(Object.assign(new Error('known'), { status: 409 })))
app.get('/pass-through', (_request, _response, next) => next('route'))
app.use((error, _request, response, next) => (error.message === 'known' ? response.status(409).send('conflict') : next(error)))
app.use((error, _request, response, _next) => response.status(500).send(error.message))

// No handler of its own takes its errors; as a test it does not print them.
const plain = express().set('env', 'test')
plain.get('/unhandled', () => {
  throw new TypeError('taken by nobody')
})

async function main() {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new http.Agent({ keepAlive: true })
  const plainServer = plain.listen(0, '127.0.0.1')
  await once(plainServer, 'listening')
  const call = (path, method = 'GET', body = undefined, { port } = server.address()) =>
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
    '/USERS/42/',
    '/files/a.txt',
    '/first/1',
    '/second/2',
    '/any',
    '/async',
    '/teams/7/members',
    '/teams/7/members/8/posts',
    '/teams/7/members/8/posts/9?x=1',
    '/en/5',
    '/de',
    '/deep/er/still/1',
    '/admin/acme/people',
    '/lazy/3/4',
    '/acme/reports/5',
    '/throws',
    '/next',
    '/known',
    '/pass-through',
    '/nothing/here',
    '/static/logo.png',
  ]
  for (const path of paths) seen[path] = await call(path)
  seen['POST /users'] = await call('/users', 'POST', '{"a":1}')
  seen['HEAD /users/1'] = await call('/users/1', 'HEAD')
  seen.unhandled = (await call('/unhandled', 'GET', undefined, plainServer.address()))[0]
  const concurrent = await Promise.all(Array.from({ length: 50 }, (_, i) => call(`/teams/${i}/members/${i}/posts/${i}`)))
  seen.concurrent = concurrent.map(([status]) => status).join()
  seen.load = await load(server.address().port)
  agent.destroy()
  plainServer.close()
  server.close()
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
