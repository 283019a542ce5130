// A Kafka broker for the real driver: one node, topics of one partition that exist as soon as somebody names them, groups of one member.
// It keeps the record batches (format 2) as they come and gives them out again; nothing is looked at inside them.
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { KafkaReader, KafkaWriter } from './kafka-wire.ts'

/** Topics with this in their name are forbidden to everybody. */
const FORBIDDEN = 'forbidden'

const TOPIC_AUTHORIZATION_FAILED = 29
/** Key → version that is spoken. */
const APIS = { produce: [0, 3], fetch: [1, 4], listOffsets: [2, 1], metadata: [3, 1], offsetCommit: [8, 2], offsetFetch: [9, 1], findCoordinator: [10, 1], joinGroup: [11, 0], heartbeat: [12, 0], leaveGroup: [13, 0], syncGroup: [14, 0], apiVersions: [18, 2], initProducerId: [22, 0], addPartitionsToTxn: [24, 0], endTxn: [26, 0] } as const // prettier-ignore
type Api = keyof typeof APIS

interface Batch {
  base: number
  count: number
  bytes: Buffer
}

interface Topic {
  batches: Batch[]
  end: number
}

/** Starts a broker on a free port of this machine. */
export async function startKafkaBroker(): Promise<{ port: number; close(): Promise<void> }> {
  const broker = new Broker()
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    let received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const length = received.readInt32BE(0)
        void broker.answer(received.subarray(4, 4 + length)).then((answer) => answer && !socket.destroyed && socket.write(answer))
        received = received.subarray(4 + length)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  broker.port = (server.address() as AddressInfo).port
  return {
    port: broker.port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

class Broker {
  port = 0
  private readonly topics = new Map<string, Topic>()
  private readonly committed = new Map<string, number>()
  private readonly waiting = new Set<() => void>()
  private members = 0
  private producers = 0
  private generation = 0

  /** The response to one request; undefined where none is wanted. */
  async answer(request: Buffer): Promise<Buffer | undefined> {
    const reader = new KafkaReader(request)
    const key = reader.int16()
    const version = reader.int16()
    const writer = new KafkaWriter().int32(reader.int32())
    reader.string()
    const api = (Object.keys(APIS) as Api[]).find((name) => APIS[name][0] === key)
    if (api === undefined || version > APIS[api][1]) throw new Error(`no answer to request ${key} of version ${version}`)
    const wanted = await this[api](reader, writer)
    return wanted === false ? undefined : writer.frame()
  }

  private apiVersions(_reader: KafkaReader, writer: KafkaWriter): void {
    writer.int16(0).list(Object.entries(APIS), ([name, [key, version]]) =>
      writer
        .int16(key)
        .int16(name === 'apiVersions' ? 0 : version)
        .int16(version),
    )
    writer.int32(0)
  }

  private metadata(reader: KafkaReader, writer: KafkaWriter): void {
    // Without names: all that may be seen.
    const names = reader.list(() => reader.string()) ?? [...this.topics.keys()].filter((name) => !name.includes(FORBIDDEN))
    writer.list([1], (id) => writer.int32(id).string('127.0.0.1').int32(this.port).string(null)).int32(1)
    writer.list(names, (name) => {
      this.topic(name)
      writer.int16(name.includes(FORBIDDEN) ? TOPIC_AUTHORIZATION_FAILED : 0).string(name).int8(0) // prettier-ignore
      writer.list([0], (partition) => {
        writer.int16(0).int32(partition).int32(1)
        writer.list([1], (id) => writer.int32(id)).list([1], (id) => writer.int32(id))
      })
    })
  }

  private produce(reader: KafkaReader, writer: KafkaWriter): boolean {
    reader.string()
    const acks = reader.int16()
    reader.int32()
    const stored = readTopics(reader, (name) => {
      const partition = reader.int32()
      return { partition, base: this.append(this.topic(name), Buffer.from(reader.blob())) }
    })
    writeTopics(writer, stored, ({ partition, base }) => writer.int32(partition).int16(0).int64(base).int64(-1)).int32(0)
    for (const wake of this.waiting) wake()
    return acks !== 0
  }

  /** A batch gets its first offset; its checksum does not cover it. */
  private append(topic: Topic, bytes: Buffer): number {
    const base = topic.end
    const count = bytes.readInt32BE(23) + 1
    bytes.writeBigInt64BE(BigInt(base), 0)
    topic.batches.push({ base, count, bytes })
    topic.end = base + count
    return base
  }

  private async fetch(reader: KafkaReader, writer: KafkaWriter): Promise<void> {
    reader.int32()
    const maxWaitMs = reader.int32()
    reader.int32()
    reader.int32()
    reader.int8()
    const asked = readTopics(reader, (name) => {
      const place = { topic: this.topic(name), partition: reader.int32(), offset: reader.int64() }
      reader.int32()
      return place
    })
    const hasNews = () => asked.some(([, places]) => places.some(({ topic, offset }) => topic.end > offset))
    if (!hasNews()) await this.news(maxWaitMs, hasNews)
    writer.int32(0)
    writeTopics(writer, asked, ({ topic, partition, offset }) => {
      const batches = topic.batches.filter(({ base, count }) => base + count > offset)
      writer.int32(partition).int16(0).int64(topic.end).int64(topic.end).int32(-1)
      writer.blob(Buffer.concat(batches.map(({ bytes }) => bytes)))
    })
  }

  private news(maxWaitMs: number, hasNews: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.waiting.delete(wake)
        resolve()
      }
      const wake = (): void => (hasNews() ? done() : undefined)
      const timer = setTimeout(done, maxWaitMs)
      this.waiting.add(wake)
    })
  }

  /** −2: the first offset; −1: the next one. */
  private listOffsets(reader: KafkaReader, writer: KafkaWriter): void {
    reader.int32()
    const asked = readTopics(reader, (name) => {
      const partition = reader.int32()
      return { partition, offset: reader.int64() === -2 ? 0 : this.topic(name).end }
    })
    writeTopics(writer, asked, ({ partition, offset }) => writer.int32(partition).int16(0).int64(-1).int64(offset))
  }

  private findCoordinator(_reader: KafkaReader, writer: KafkaWriter): void {
    writer.int32(0).int16(0).string(null).int32(1).string('127.0.0.1').int32(this.port)
  }

  private joinGroup(reader: KafkaReader, writer: KafkaWriter): void {
    reader.string()
    reader.int32()
    const member = reader.string() || `member-${++this.members}`
    reader.string()
    const [protocol] = reader.list(() => ({ name: reader.string(), metadata: reader.blob() })) ?? []
    writer.int16(0).int32(++this.generation).string(protocol?.name ?? '').string(member).string(member) // prettier-ignore
    writer.list([member], (id) => writer.string(id).blob(protocol?.metadata ?? Buffer.alloc(0)))
  }

  private syncGroup(reader: KafkaReader, writer: KafkaWriter): void {
    reader.string()
    reader.int32()
    reader.string()
    const [own] = reader.list(() => ({ member: reader.string(), assignment: reader.blob() })) ?? []
    writer.int16(0).blob(own?.assignment ?? Buffer.alloc(0))
  }

  private heartbeat(_reader: KafkaReader, writer: KafkaWriter): void {
    writer.int16(0)
  }

  private leaveGroup(_reader: KafkaReader, writer: KafkaWriter): void {
    writer.int16(0)
  }

  private offsetFetch(reader: KafkaReader, writer: KafkaWriter): void {
    const group = reader.string()
    const asked = readTopics(reader, (name) => ({ name, partition: reader.int32() }))
    writeTopics(writer, asked, ({ name, partition }) => writer.int32(partition).int64(this.committed.get(`${group} ${name}`) ?? -1).string('').int16(0)) // prettier-ignore
  }

  private offsetCommit(reader: KafkaReader, writer: KafkaWriter): void {
    const group = reader.string()
    reader.int32()
    reader.string()
    reader.int64()
    const stored = readTopics(reader, (name) => {
      const partition = reader.int32()
      this.committed.set(`${group} ${name}`, reader.int64())
      reader.string()
      return partition
    })
    writeTopics(writer, stored, (partition) => writer.int32(partition).int16(0))
  }

  private initProducerId(_reader: KafkaReader, writer: KafkaWriter): void {
    writer.int32(0).int16(0).int64(++this.producers).int16(0)
  }

  private addPartitionsToTxn(reader: KafkaReader, writer: KafkaWriter): void {
    reader.string()
    reader.int64()
    reader.int16()
    const added = readTopics(reader, () => reader.int32())
    writeTopics(writer.int32(0), added, (partition) => writer.int32(partition).int16(0))
  }

  /** Its messages were there for all from the beginning. */
  private endTxn(_reader: KafkaReader, writer: KafkaWriter): void {
    writer.int32(0).int16(0)
  }

  private topic(name: string): Topic {
    let topic = this.topics.get(name)
    if (topic === undefined) this.topics.set(name, (topic = { batches: [], end: 0 }))
    return topic
  }
}

type Topics<T> = [name: string, partitions: T[]][]

/** `[topic [partition]]`, the shape of most requests. */
function readTopics<T>(reader: KafkaReader, readPartition: (topic: string) => T): Topics<T> {
  return (
    reader.list(() => {
      const name = reader.string()
      return [name, reader.list(() => readPartition(name)) ?? []]
    }) ?? []
  )
}

function writeTopics<T>(writer: KafkaWriter, topics: Topics<T>, writePartition: (partition: T) => unknown): KafkaWriter {
  return writer.list(topics, ([name, partitions]) => writer.string(name).list(partitions, writePartition))
}
