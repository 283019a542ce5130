// `next start` in the folder of a built app, and requests to it. Prints what its clients saw.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { held, load, siblings } from './web-load.js'

const seen = {}
// What a bundled route handler calls of the process around it.
Object.assign(globalThis, { held, siblings })

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

async function main() {
  const port = await freePort()
  process.chdir(process.env.NEXT_APP)
  const bin = path.join(process.env.NEXT_APP, '..', 'node_modules', 'next', 'dist', 'bin', 'next')
  process.argv = [process.argv[0], bin, 'start', '-p', String(port), '-H', '127.0.0.1']
  await import(bin)
  const call = (target, method = 'GET', body = undefined) =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
      const request = http.request({ host: '127.0.0.1', port, path: target, method, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve([response.statusCode, text.length > 100 ? 'page' : text]))
      })
      request.on('error', reject).end(body)
    })
  for (;;) {
    try {
      await call('/started')
      break
    } catch {
      await sleep(50)
    }
  }
  for (const target of ['/', '/users/42?x=1', '/api/items/7', '/api/items/bad', '/old/x', '/api/legacy', '/nothing/here'])
    seen[target] = await call(target)
  seen.created = await call('/api/items/8', 'POST', '{"name":"ada"}')
  seen.concurrent = (await Promise.all(Array.from({ length: 20 }, (_, i) => call(`/api/items/c${i}`)))).map(([, text]) => text).join()
  seen.load = await load(port, '/api')
  await sleep(50)
  console.log(`\nRESULT ${JSON.stringify(seen)}`)
  process.exit(0)
}

void main()
