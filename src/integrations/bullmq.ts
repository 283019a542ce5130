import {
  defineIntegration,
  target,
  type Attributes,
  type Call,
  type Outcome,
  type RemoteParent,
  type SpanEnd,
  type SpanStart,
} from '../core/integration.ts'
import { messageStart, senderOf, withSender, type MessageOperation } from '../semantics/messaging.ts'

// BullMQ 5 and 6. The context travels where BullMQ's own telemetry interface keeps it: as text in the job's `opts.telemetry.metadata`.
// A job of a scheduler is sent once and runs again and again: each run is a trace of its own.

interface Queue {
  name: string
  opts?: { connection?: Connection }
}

/** Options of ioredis or a client of it. */
interface Connection {
  host?: string
  port?: number
  options?: { host?: string; port?: number }
}

interface JobOptions {
  attempts?: number
  delay?: number
  repeat?: unknown
  telemetry?: { metadata?: string; omitContext?: boolean }
}

interface NewJob {
  name: string
  data?: unknown
  opts?: JobOptions
}

interface Flow extends NewJob {
  queueName: string
  children?: Flow[]
}

interface Job extends NewJob {
  id?: string
  attemptsMade: number
  timestamp?: number
  processedOn?: number
}

type AddCall = { self: Queue; args: [name: string, data: unknown, opts?: JobOptions]; result: Job | undefined }
type BulkCall = { self: Queue; args: [jobs: NewJob[]] }
type FlowCall = { self: Queue; args: [flow: Flow]; result: { job: Job } | undefined }
type FlowsCall = { self: Queue; args: [flows: Flow[]] }
type ProcessCall = { self: Queue; args: [job: Job] }

const VERSIONS = '>=5 <7'
const sending = { versions: VERSIONS, settles: 'promise', carrier: 'message' } as const

export default defineIntegration({
  name: 'bullmq',
  module: 'bullmq',
  kind: 'messaging',
  records: {
    spans: ['send orders', 'process orders'],
    attributes: [
      'messaging.system',
      'messaging.operation.name',
      'messaging.operation.type',
      'messaging.destination.name',
      'messaging.destination.template',
      'messaging.batch.message_count',
      'messaging.message.id',
      'perf.job.name',
      'perf.job.attempt',
      'perf.job.max_attempts',
      'perf.job.delay_ms',
      'perf.job.wait_ms',
      'perf.job.moved',
      'server.address',
      'server.port',
    ],
    against: 'Redis',
  },
  inBundle: ['BullMQ: Your redis options maxRetriesPerRequest must be null'],
  targets: [
    target<AddCall>({
      ...sending,
      path: 'Queue.prototype.add',
      start: ({ self, args: [name, data, opts] }) => send(self, self.name, data, { attributes: describeJob({ name, opts }) }),
      inject({ args }, traceparent, tracestate) {
        args[2] = withContext(args[2], traceparent, tracestate)
      },
      end: (_call, outcome) => (outcome.ok ? { attributes: { 'messaging.message.id': outcome.result?.id } } : undefined),
    }),
    target<BulkCall>({
      ...sending,
      path: 'Queue.prototype.addBulk',
      start: ({ self, args: [jobs] }) =>
        send(
          self,
          self.name,
          jobs.map(({ data }) => data),
          { count: jobs.length, attributes: { 'perf.job.name': commonName(jobs) } },
        ),
      inject({ args }, traceparent, tracestate) {
        args[0] = args[0].map((job) => ({ ...job, opts: withContext(job.opts, traceparent, tracestate) }))
      },
    }),
    target<FlowCall>({
      ...sending,
      path: 'FlowProducer.prototype.add',
      start: ({ self, args: [flow] }) => sendFlows(self, [flow]),
      inject({ args }, traceparent, tracestate) {
        args[0] = flowWithContext(args[0], traceparent, tracestate)
      },
      end: (_call, outcome) => (outcome.ok ? { attributes: { 'messaging.message.id': outcome.result?.job.id } } : undefined),
    }),
    target<FlowsCall>({
      ...sending,
      path: 'FlowProducer.prototype.addBulk',
      start: ({ self, args: [flows] }) => sendFlows(self, flows),
      inject({ args }, traceparent, tracestate) {
        args[0] = args[0].map((flow) => flowWithContext(flow, traceparent, tracestate))
      },
    }),
    target<ProcessCall>({
      path: 'Worker.prototype.callProcessJob',
      versions: VERSIONS,
      settles: 'promise',
      start: startProcess,
      end: endProcess,
    }),
  ],
})

function send(queue: Queue, destination: string | undefined, body: unknown, more: Partial<MessageOperation>): SpanStart {
  return messageStart({ system: 'bullmq', operation: 'send', destination, ...addressOf(queue), body, ...more })
}

function sendFlows(producer: Queue, flows: readonly Flow[]): SpanStart {
  const jobs = flows.flatMap(flatten)
  const queues = new Set(flows.map(({ queueName }) => queueName))
  return send(
    producer,
    queues.size === 1 ? flows[0]?.queueName : undefined,
    jobs.map(({ data }) => data),
    { count: jobs.length, attributes: { 'perf.job.name': commonName(flows) } },
  )
}

function flatten(flow: Flow): Flow[] {
  return [flow, ...(flow.children ?? []).flatMap(flatten)]
}

function flowWithContext(flow: Flow, traceparent: string, tracestate: string | undefined): Flow {
  const copy = { ...flow, opts: withContext(flow.opts, traceparent, tracestate) }
  if (flow.children !== undefined) copy.children = flow.children.map((child) => flowWithContext(child, traceparent, tracestate))
  return copy
}

/** The options with the context, unless the app has its own there or wants none. */
function withContext(options: JobOptions | undefined, traceparent: string, tracestate: string | undefined): JobOptions {
  const { telemetry, repeat } = options ?? {}
  if (repeat !== undefined || telemetry?.metadata !== undefined || telemetry?.omitContext === true) return options as JobOptions
  return { ...options, telemetry: { ...telemetry, metadata: JSON.stringify(withSender(undefined, traceparent, tracestate)) } }
}

function senderOfJob({ opts }: Job): RemoteParent {
  const metadata = opts?.telemetry?.metadata
  return senderOf(typeof metadata === 'string' && metadata.startsWith('{') ? (JSON.parse(metadata) as Record<string, unknown>) : undefined)
}

function startProcess({ self, args: [job] }: Call<ProcessCall>): SpanStart {
  const { id, data, attemptsMade, timestamp, processedOn, opts } = job
  return messageStart({
    system: 'bullmq',
    operation: 'process',
    destination: self.name,
    ...addressOf(self),
    body: data,
    senders: [senderOfJob(job)],
    attributes: {
      'messaging.message.id': id,
      ...describeJob(job),
      'perf.job.attempt': attemptsMade + 1,
      // How long it lay in the queue, its wanted delay apart; of a retry, since it was sent.
      'perf.job.wait_ms':
        timestamp === undefined || processedOn === undefined ? undefined : Math.max(0, processedOn - timestamp - (opts?.delay ?? 0)),
    },
  })
}

function endProcess(_call: Call<ProcessCall>, outcome: Outcome): SpanEnd | undefined {
  if (outcome.ok || !MOVED.has(String((outcome.error as Error | undefined)?.name))) return undefined
  return { status: 'unset', attributes: { 'perf.job.moved': (outcome.error as Error).name } }
}

/** What a processor throws to say that it has put its job elsewhere. */
const MOVED = new Set(['DelayedError', 'WaitingError', 'WaitingChildrenError', 'RateLimitError'])

function describeJob({ name, opts }: { name: string; opts?: JobOptions | undefined }): Attributes {
  return { 'perf.job.name': name, 'perf.job.max_attempts': opts?.attempts, 'perf.job.delay_ms': opts?.delay || undefined }
}

function commonName(jobs: readonly NewJob[]): string | undefined {
  const first = jobs[0]?.name
  return jobs.every(({ name }) => name === first) ? first : undefined
}

function addressOf({ opts }: Queue): { host: string | undefined; port: number | undefined } {
  const connection = opts?.connection
  const { host, port } = connection?.options ?? connection ?? {}
  return { host, port }
}
