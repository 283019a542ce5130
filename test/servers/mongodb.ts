// A scripted MongoDB: the wire protocol (OP_MSG, and OP_QUERY for the first hello) to the real driver, documents in memory.
import { createRequire } from 'node:module'
import net from 'node:net'
import path from 'node:path'
import { installedModules } from '../../scripts/install-versions.mjs'
import { answerTo, type Document, type Store } from './mongodb-commands.ts'

interface Bson {
  serialize(document: object): Uint8Array
  deserialize(bytes: Uint8Array): Document
  Long: { fromNumber(value: number): unknown }
}

export interface MongoServer {
  port: number
  url: string
  close(): Promise<void>
}

const OP_REPLY = 1
const OP_QUERY = 2004
const OP_MSG = 2013
const HEADER_BYTES = 16

/** Starts it on a free port. It says that it is the only member of a replica set, so that transactions are allowed. */
export async function startMongoServer(): Promise<MongoServer> {
  const bson = createRequire(path.join(installedModules('mongodb@7.9.0'), 'bson', 'package.json'))('bson') as Bson
  const store: Store = { collections: new Map(), cursors: new Map(), nextCursor: 1, long: (value) => bson.Long.fromNumber(value) }
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    let received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= received.readInt32LE(0)) {
        const length = received.readInt32LE(0)
        answer(socket, received.subarray(0, length), bson, store)
        received = received.subarray(length)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return {
    port,
    url: `mongodb://127.0.0.1:${port}/?directConnection=true`,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function answer(socket: net.Socket, message: Buffer, bson: Bson, store: Store): void {
  const requestId = message.readInt32LE(4)
  const opcode = message.readInt32LE(12)
  const command = opcode === OP_QUERY ? readQuery(message, bson) : readMessage(message, bson)
  const { port } = socket.address() as net.AddressInfo
  const reply = Buffer.from(bson.serialize(answerTo(command, `127.0.0.1:${port}`, store)))
  const head = opcode === OP_QUERY ? Buffer.alloc(HEADER_BYTES + 20) : Buffer.alloc(HEADER_BYTES + 5)
  head.writeInt32LE(head.length + reply.length, 0)
  head.writeInt32LE(requestId, 8)
  head.writeInt32LE(opcode === OP_QUERY ? OP_REPLY : OP_MSG, 12)
  if (opcode === OP_QUERY) head.writeInt32LE(1, HEADER_BYTES + 16)
  // A real server answers later than the same tick of the client.
  setTimeout(() => socket.writable && socket.write(Buffer.concat([head, reply])), 1)
}

/** flags, name of the collection, skip, limit, document */
function readQuery(message: Buffer, bson: Bson): Document {
  const end = message.indexOf(0, HEADER_BYTES + 4)
  return bson.deserialize(message.subarray(end + 9))
}

/** flags, then sections: kind 0 is the command, kind 1 a list of documents that belongs into it under a name */
function readMessage(message: Buffer, bson: Bson): Document {
  const command: Document = {}
  let at = HEADER_BYTES + 4
  while (at < message.length) {
    const kind = message[at++]
    const end = at + message.readInt32LE(at)
    if (kind === 0) Object.assign(command, bson.deserialize(message.subarray(at, end)))
    else {
      const nameEnd = message.indexOf(0, at + 4)
      const documents: Document[] = []
      for (let from = nameEnd + 1; from < end; from += message.readInt32LE(from))
        documents.push(bson.deserialize(message.subarray(from, from + message.readInt32LE(from))))
      command[message.toString('utf8', at + 4, nameEnd)] = documents
    }
    at = end
  }
  return command
}
