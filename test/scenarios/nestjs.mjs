// An app with a prefix, guards, interceptors, pipes and failures; decorators are applied by hand. Prints what its clients saw.
import 'reflect-metadata'
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import * as common from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { span } from '@perf/agent/api'
import { map } from 'rxjs'
import { held, load, siblings } from './web-load.js'

const { Body, Controller, Get, HttpException, Module, Param, ParseIntPipe, Post, UseGuards, UseInterceptors } = common
const seen = {}

class UsersController {
  async findOne(id) {
    await sleep(1)
    return span('handler', async () => ({ id }))
  }
  create(body) {
    return body
  }
  async number(value) {
    return { value }
  }
  async held(id) {
    return held(id)
  }
  async siblings() {
    return siblings()
  }
  async throws() {
    throw new Error('thrown')
  }
  async known() {
    throw new HttpException('known', 409)
  }
  async guarded() {
    return 'in'
  }
  async intercepted() {
    await sleep(1)
    return 'inner'
  }
}

const guard = { canActivate: (context) => !context.switchToHttp().getRequest().url.includes('locked') }
const interceptor = { intercept: (_context, next) => next.handle().pipe(map((value) => `${value} outer`)) }

function method(name, ...decorators) {
  const { prototype } = UsersController
  for (const decorate of decorators) decorate(prototype, name, Object.getOwnPropertyDescriptor(prototype, name))
}
Controller('users')(UsersController)
method('findOne', Get('by-id/:id'))
Param('id')(UsersController.prototype, 'findOne', 0)
method('create', Post())
Body()(UsersController.prototype, 'create', 0)
method('number', Get('number/:value'))
Param('value', ParseIntPipe)(UsersController.prototype, 'number', 0)
method('held', Get('held/:id'))
Param('id')(UsersController.prototype, 'held', 0)
method('siblings', Get('siblings'))
method('throws', Get('throws'))
method('known', Get('known'))
method('guarded', Get('guarded'), UseGuards(guard))
method('intercepted', Get('intercepted'), UseInterceptors(interceptor))
class AppModule {}
Module({ controllers: [UsersController] })(AppModule)

async function main() {
  const app = await NestFactory.create(AppModule, { logger: false })
  app.setGlobalPrefix('api')
  await app.listen(0, '127.0.0.1')
  const { port } = app.getHttpServer().address()
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
  const paths = ['by-id/42', 'number/7', 'number/seven', 'throws', 'known', 'guarded', 'guarded?locked', 'intercepted', 'nothing']
  for (const path of paths) seen[path] = await call(`/api/users/${path}`)
  seen.created = await call('/api/users', 'POST', '{"name":"ada"}')
  const concurrent = await Promise.all(Array.from({ length: 50 }, (_, i) => call(`/api/users/by-id/c${i}`)))
  seen.concurrent = concurrent.map(([status, text]) => `${status} ${text}`).join()
  seen.load = await load(port, '/api/users')
  agent.destroy()
  const server = app.getHttpServer()
  const closed = once(server, 'close')
  await app.close()
  await closed.catch(() => {})
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
