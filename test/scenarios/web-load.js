// What the apps of all web frameworks are asked besides their own: two handlers, and the clients of them.
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'

/** Answers `/held/:id`: waits, and leaves a span that tells which request it was. */
export async function held(id) {
  await sleep(Number(id) % 7 || 0)
  await span('held', () => sleep(1), { id })
  return { id }
}

/** Answers `/siblings`. */
export async function siblings() {
  const all = Array.from({ length: 20 }, (_, i) => span(`sibling ${i}`, () => sleep(i % 3)))
  return { siblings: (await Promise.all(all)).length }
}

/** 100 requests at once over two connections, 20 calls at once in one, and one full of secrets: what their clients saw. */
export async function load(port, prefix = '') {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 })
  const call = (path, headers = {}) =>
    new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, path: prefix + path, agent, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(`${response.statusCode} ${text}`))
      })
      request.on('error', reject)
    })
  const canary = process.env.CANARY
  const headers = { authorization: `Bearer ${canary}`, cookie: `sid=${canary}`, 'x-api-key': canary }
  const answers = [await call('/siblings'), await call(`/held/secret?token=${canary}&page=${canary}`, headers)]
  answers.push(...(await Promise.all(Array.from({ length: 100 }, (_, i) => call(`/held/${i}`)))))
  agent.destroy()
  return answers
}
