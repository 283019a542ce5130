// What Node prints of an error that nobody catches, the line it was thrown at included, is what it prints without the agent.
import { describe, expect, it } from 'vitest'
import { nodeMajor } from '../support/node-under-test.ts'
import { record, type Recorded } from '../support/record.ts'
import { withAndWithout } from '../support/with-and-without.ts'

const THROWING_LISTENER = `
import http from 'node:http'
const server = http.createServer((request, response) => {
  if (request.url === '/break') throw new TypeError('broken listener')
  response.end()
})
server.listen(0, '127.0.0.1', () => http.get({ port: server.address().port, path: '/break' }).on('error', () => {}))
`

const KEPT_ALIVE = `${THROWING_LISTENER}
process.on('uncaughtException', (error, origin) => {
  console.log(origin, error.message)
  server.closeAllConnections()
  server.close()
})
`

// The app emits by hand, and catches.
const EMITTED_BY_HAND = `
import http from 'node:http'
const server = http.createServer((request) => {
  throw new RangeError('broken ' + request.url)
})
const request = new http.IncomingMessage(null)
Object.assign(request, { method: 'GET', url: '/by-hand', socket: {} })
try {
  server.emit('request', request, new http.ServerResponse(request))
} catch (error) {
  console.log('caught', error.message)
}
setTimeout(() => console.log('went on'), 20)
`

const PASSING: Record<string, string> = {
  'a tool': `import { tool } from '@perf/agent/api'
const call = tool('call', thrower)`,
  'span()': `import { span } from '@perf/agent/api'
const call = () => span('call', thrower)`,
  'several calls': `import { span, tool } from '@perf/agent/api'
const inner = tool('inner', thrower)
const call = () => span('outer', () => {
  try {
    return inner()
  } finally {
    try {
      JSON.parse('{')
    } catch {}
  }
})`,
  'a generator': `import { tool } from '@perf/agent/api'
const steps = tool('call', function* () {
  yield 1
  thrower()
})
const call = () => [...steps()]`,
  'a library': `import { execFileSync } from 'node:child_process'
const call = () => execFileSync('false')`,
}

const passing = (name: string): string => `${PASSING[name]}
function thrower() {
  throw new TypeError('from the app')
}
setTimeout(() => call(), 5)
`

describe.each(['esm', 'cjs'] as const)('%s', (format) => {
  it('an HTTP listener that throws', async () => {
    const run = await withAndWithout({ app: THROWING_LISTENER, format })
    expect(run.stderr).toMatch(/app\.m?[cj]s:\d+\n.*throw new TypeError\(.broken listener.\);?\n +\^\n\nTypeError: broken listener\n/)
    expectServerError(run, 'TypeError')
    expect(exceptions(run)).toEqual(['broken listener'])
  })

  it('an HTTP listener that throws in an app with its own listener for uncaught errors', async () => {
    const run = await withAndWithout({ app: KEPT_ALIVE, format })
    expect(run.stdout).toBe('uncaughtException broken listener\n')
    expectServerError(run, 'TypeError')
  })

  it('an HTTP listener whose error is caught after all', async () => {
    const run = await withAndWithout({ app: EMITTED_BY_HAND, format })
    expect(run.stdout).toBe('caught broken /by-hand\nwent on\n')
    expectServerError(run, '_OTHER')
  })

  it.each(Object.keys(PASSING))('an error that passes through %s', async (name) => {
    const options = { app: passing(name), format }
    const [bare, run] = await Promise.all([record({ ...options, agent: 'none' }), record(options)])
    expect(bare.stderr).toMatch(/^\S+:\d+\n/)
    // Node 20 cannot keep the place (docs/known-gaps.md): message, stack and exit code are the same there.
    if (keepsPlace) expect(placeOf(run)).toBe(placeOf(bare))
    else expect(placeOf(run)).toMatch(/^node:perf-agent\/boot:\d+\n/)
    expect([run.status, run.stdout]).toEqual([bare.status, bare.stdout])
    expect(run.spans.map(({ status }) => status)).toEqual(name === 'several calls' ? ['error', 'error'] : ['error'])
    expect(exceptions(run)).toHaveLength(1)
  })
})

const keepsPlace = nodeMajor() >= 22

/** What stands above the message: file, line and the code there. */
function placeOf({ stderr, folder }: Recorded): string {
  return stderr.slice(0, stderr.indexOf('\n\n')).replaceAll(folder, '<folder>')
}

function expectServerError({ spans }: Recorded, type: string): void {
  const servers = spans.filter(({ kind }) => kind === 'server')
  expect(servers).toMatchObject([{ status: 'error', open: false, attributes: { 'error.type': type } }])
}

function exceptions({ events }: Recorded): unknown[] {
  return events.filter(({ name }) => name === 'exception').map(({ attributes }) => attributes['exception.message'])
}
