// The console is there before anything is loaded: on Node 22 and later it publishes its lines itself, on older Node its functions are wrapped.
import { describe, expect, it } from 'vitest'
import { record, type Recorded } from '../support/record.ts'
import { withAndWithout } from '../support/with-and-without.ts'

const APP = `import { span } from '@perf/agent/api'
const canary = process.env.CANARY
const circular = { name: 'round' }
circular.self = circular
let inspected = 0
const own = { toJSON() { inspected++; return {} }, get counted() { inspected++; return 1 } }
span('lines', () => {
  console.log('plain')
  console.info('%s has %d of %i, %j', 'one', 2, 3, { a: 1 }, 'more', 4)
  console.debug(null, undefined, true, 12n, Symbol('s'), () => {})
  console.warn({ a: [1, { b: 2 }] }, [1, 2])
  console.error(Object.assign(new TypeError('it broke'), { stack: 'TypeError: it broke' }))
  console.log(circular)
  console.log()
  console.assert(false, 'an assertion')
  console.log('100%')
  console.log('%s', own)
  console.log('token=' + canary, { password: canary })
})
console.log('inspected', inspected)
console.log(Object.keys(console).join(), console.log.name, console.log.length, Object.getOwnPropertyNames(console.log).join())
for (let i = 0; i < 100; i++) void span('request ' + i, async () => { await new Promise((resolve) => setTimeout(resolve, 1)); console.log('line', i) })
`

const lines = [
  { level: 'log', message: 'plain' },
  { level: 'info', message: 'one has 2 of 3, {"a":1} more 4' },
  { level: 'debug', message: 'null undefined true 12n Symbol(s) [Function]' },
  { level: 'warn', message: '{"a":[1,{"b":2}]} [1,2]' },
  { level: 'error', message: 'TypeError: it broke' },
]

describe.each(['esm', 'cjs'] as const)('the console (%s)', (format) => {
  const env = { CANARY: 'Zq7cAnArY9xW4vB2nM8kL5' }
  const run = (more: Record<string, string> = {}): Promise<Recorded> => withAndWithout({ app: APP, format, env: { ...env, ...more } })

  it('writes what it writes without the agent, and its lines are joined to their span', async () => {
    const { logs, spans, counters } = await run()
    const inSpan = (name: string) => {
      const span = spans.find((one) => one.name === name)
      return logs.filter((line) => line['spanId'] === span?.spanId).map(({ level, message }) => ({ level, message }))
    }
    expect(inSpan('lines').slice(0, lines.length)).toEqual(lines)
    expect(
      inSpan('lines')
        .slice(lines.length)
        .map(({ message }) => message),
    ).toEqual([
      expect.stringContaining('"name":"round"'),
      '',
      expect.stringContaining('an assertion'),
      '100%',
      '{}',
      'token=REDACTED {"password":"REDACTED"}',
    ])
    for (let i = 0; i < 100; i++) expect(inSpan(`request ${i}`)).toEqual([{ level: 'log', message: `line ${i}` }])
    expect(logs.filter((line) => line['spanId'] === undefined)).toHaveLength(2)
    expect(counters['faults'] ?? 0).toBe(0)
    expect(JSON.stringify(logs)).not.toContain(env.CANARY)
  })

  it('is left alone where it is switched off, and changes nothing when its own code throws', async () => {
    expect((await run({ PERF_DISABLE: 'console' })).logs).toEqual([])
    const faulty = await run({ PERF_TEST_FAULT: 'console' })
    expect(faulty.logs).toEqual([])
    expect(faulty.counters['faults']).toBeGreaterThan(0)
  })
})

it('a flood keeps the limit of a second; what is beyond is counted, and no span is lost to it', async () => {
  const { logs, counters, spans, stdout } = await record({
    app: `import { span } from '@perf/agent/api'
span('flood', () => { for (let i = 0; i < 5000; i++) console.log('line', i, 'x'.repeat(2000)) })
for (let i = 0; i < 200; i++) span('after', () => {})
`,
    env: { PERF_LOG_LIMIT: '100' },
  })
  expect(stdout.split('\n')).toHaveLength(5001)
  const kept = logs.length
  expect(kept).toBeGreaterThanOrEqual(100)
  expect(kept + (counters['logs_limited'] ?? 0) + (counters['logs_dropped'] ?? 0)).toBe(5000)
  expect(spans.filter((span) => span.name === 'after')).toHaveLength(200)
})

it('a flood of large lines within the limit leaves half of the ring to spans', async () => {
  const { logs, counters, spans } = await record({
    app: `import { span } from '@perf/agent/api'
span('flood', () => { for (let i = 0; i < 2000; i++) console.log('y'.repeat(8000)) })
for (let i = 0; i < 2000; i++) span('after', () => {})
`,
    env: { PERF_LOG_LIMIT: '100000' },
  })
  expect(logs.length + (counters['logs_dropped'] ?? 0)).toBe(2000)
  expect(spans.filter((span) => span.name === 'after')).toHaveLength(2000)
})
