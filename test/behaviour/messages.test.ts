// What is true of every broker, shown with one: a trace across processes, the switch that keeps the context out, secrets inside messages.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { openHot } from '../../src/store/hot/read.ts'
import { record, type Recorded } from '../support/record.ts'
import { describeWithService, rabbitmq, runName } from '../support/services.ts'

const CONSUMER = `
import amqp from 'amqplib'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'

async function main() {
  const connection = await amqp.connect(process.env.RABBITMQ_URL)
  const channel = await connection.createChannel()
  let received
  const done = new Promise((resolve) => (received = resolve))
  await channel.consume(process.env.QUEUE, async (message) => {
    await span('work', () => sleep(1))
    channel.ack(message)
    received(Object.keys(message.properties.headers).join())
  })
  console.log('headers', await done)
  await channel.close()
  await connection.close()
}
void main()
`
const PRODUCER = `
import amqp from 'amqplib'
import { once } from 'node:events'
import { fork } from 'node:child_process'
import path from 'node:path'
import { span } from '@perf/agent/api'

async function main() {
  const connection = await amqp.connect(process.env.RABBITMQ_URL)
  const channel = await connection.createChannel()
  await channel.assertQueue(process.env.QUEUE, { durable: false })
  const child = fork(path.join(path.dirname(process.argv[1]), 'consumer.js'))
  const ended = once(child, 'exit')
  await span('checkout', async () => {
    channel.sendToQueue(process.env.QUEUE, Buffer.from(JSON.stringify({ order: 1, password: process.env.CANARY })))
  })
  await ended
  await channel.deleteQueue(process.env.QUEUE)
  await connection.close()
}
void main()
`

const run = (env: Record<string, string> = {}): Promise<Recorded> =>
  record({
    app: PRODUCER,
    files: { 'consumer.js': CONSUMER },
    packages: ['amqplib@2.3.1'],
    env: {
      ...rabbitmq.env,
      QUEUE: `perf-handed-${runName}`,
      PERF_INTEGRATIONS: 'amqplib,child-process',
      CANARY: 'canary-in-message',
      ...env,
    },
  })

const spanCalled = ({ spans }: Recorded, name: string) => spans.find((span) => span.name.startsWith(name))

await describeWithService(rabbitmq, 'messages between processes', () => {
  it('are one trace from the sender to what its message caused', async () => {
    const recorded = await run()
    expect([recorded.status, recorded.stderr, recorded.stdout]).toEqual([0, '', 'headers traceparent\n'])
    const [checkout, sent, processed, work] = ['checkout', 'send', 'process perf', 'work'].map((name) => spanCalled(recorded, name))
    expect([sent?.parentId, processed?.parentId, work?.parentId]).toEqual([checkout?.spanId, sent?.spanId, processed?.spanId])
    expect(new Set([checkout, sent, processed, work].map((span) => span?.traceId)).size).toBe(1)
    expect(processed?.instance).not.toBe(sent?.instance)
  })

  it('carry nothing with PERF_PROPAGATE_MESSAGES=off, and the consumer begins a trace', async () => {
    const recorded = await run({ PERF_PROPAGATE_MESSAGES: 'off' })
    expect([recorded.status, recorded.stdout]).toEqual([0, 'headers \n'])
    expect(spanCalled(recorded, 'process perf')?.parentId).toBeUndefined()
    expect(spanCalled(recorded, 'send')).toBeDefined()
  })

  it('lose their secrets before they are kept', async () => {
    const recorded = await run({ PERF_CAPTURE: 'full' })
    const kept = recorded.spans.flatMap(({ payloads }) => payloads).filter(({ role }) => role === 'messaging.message.body')
    expect(kept.map(({ kept }) => kept)).toEqual([true, true])
    expect(new Set(kept.map(({ hash }) => hash)).size).toBe(1)
    const texts = keptTexts(path.join(recorded.sessionDir ?? '', 'hot'))
    expect(texts).toContain('order')
    expect(texts).not.toContain('canary-in-message')
  })
})

/** The texts of payloads that a session holds. */
function keptTexts(folder: string): string {
  const environments = readdirSync(folder).filter((name) => name.endsWith('.lmdb'))
  return environments
    .map((name) => {
      const result = openHot(path.join(folder, name), { live: true })
      if (result.state === 'damaged') throw new Error(result.reason)
      const contents = JSON.stringify([...result.hot.contents()])
      void result.hot.close()
      return contents
    })
    .join()
}
