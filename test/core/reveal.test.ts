import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { originOf } from '../../src/core/origin.ts'
import { patchThrough } from '../../src/core/reveal.ts'

type AnyFunction = (...args: unknown[]) => unknown

/** A library whose classes can only be reached through what it gives. */
function library() {
  class Stream {
    respond(status: number): string {
      return `status ${status}`
    }
  }
  class Server extends EventEmitter {
    accept(event: string): Stream {
      const stream = new Stream()
      this.emit(event, stream, 'headers')
      return stream
    }
  }
  class Session {
    request(path: string): { path: string } {
      return { path }
    }
  }
  return { connect: (_url: string) => new Session(), createServer: () => new Server(), Session, Stream, Server }
}

function counting() {
  const calls: string[] = []
  const wraps: AnyFunction[] = []
  const wrap =
    (name: string) =>
    (original: AnyFunction): AnyFunction => {
      wraps.push(original)
      return function (this: unknown, ...args: unknown[]) {
        calls.push(name)
        return Reflect.apply(original, this, args)
      }
    }
  return { calls, wraps, wrap }
}

describe('a path through calls', () => {
  it('reaches a method of what a function returns, once for all objects of a class', () => {
    const exports = library()
    const { calls, wraps, wrap } = counting()
    expect(patchThrough(exports, { path: 'connect().request' }, wrap('request'))).toBe(1)
    expect(exports.connect('a').request('/x')).toEqual({ path: '/x' })
    exports.connect('b').request('/y')
    expect(calls).toEqual(['request', 'request'])
    expect(wraps).toHaveLength(1)
    expect([exports.connect.name, exports.connect.length]).toEqual(['connect', 1])
  })

  it('reaches a method of what a getter makes, without asking the getter before someone else does', () => {
    class Chat {
      complete(text: string): string {
        return `${text}!`
      }
    }
    class Client {
      made = 0
      get chat(): Chat {
        this.made++
        return new Chat()
      }
    }
    const { calls, wrap } = counting()
    const shape = Object.getOwnPropertyDescriptor(Client.prototype, 'chat')
    expect(patchThrough({ Client }, { path: 'Client.prototype.get chat().complete' }, wrap('complete'))).toBe(1)
    const client = new Client()
    expect([client.made, client.chat.complete('a'), client.chat.complete('b'), client.made]).toEqual([0, 'a!', 'b!', 2])
    expect(calls).toEqual(['complete', 'complete'])
    const now = Object.getOwnPropertyDescriptor(Client.prototype, 'chat')
    expect({ ...now, get: now?.get?.name }).toEqual({ ...shape, get: 'get chat' })
    expect(patchThrough({ Client }, { path: 'Client.prototype.get other().complete' }, wrap('complete'))).toBe(0)
  })

  it('reaches a method of an argument, for the first such object already, and only where the others are as said', () => {
    const exports = library()
    const { calls, wrap } = counting()
    patchThrough(exports, { path: 'createServer().emit(stream, *).respond' }, wrap('respond'))
    const server = exports.createServer()
    server.accept('other').respond(200)
    expect(calls).toEqual([])
    const seen: string[] = []
    server.on('stream', (stream: { respond(status: number): string }) => seen.push(stream.respond(204)))
    expect(server.accept('stream').respond(201)).toBe('status 201')
    expect([seen, calls]).toEqual([['status 204'], ['respond', 'respond']])
  })

  it('keeps apart an inherited function that is a way and a goal at once', () => {
    const exports = library()
    const { calls, wrap } = counting()
    patchThrough(exports, { path: 'createServer().emit' }, wrap('emit'))
    const definition = { path: 'createServer().emit(inner, *).emit' }
    patchThrough(exports, definition, wrap('inner emit'))
    const server = exports.createServer()
    server.emit('inner', exports.createServer())
    expect(calls).toContain('emit')
    expect(new EventEmitter().emit).toBe(EventEmitter.prototype.emit)
  })

  it('reaches what is promised or handed to a callback, and the call it came from', async () => {
    const { Session } = library()
    const made = [new Session(), new Session()] as const
    const exports = {
      open: (_url: string) => Promise.resolve(made[0]),
      prepare: (_sql: string, callback: (error: unknown, session: object) => void) => callback(null, made[1]),
      fail: () => Promise.reject(new Error('no')),
      transaction: (callback: (session: object) => void) => callback(new Session()),
    }
    const { calls, wrap } = counting()
    patchThrough(exports, { path: 'prepare(=>).request' }, wrap('handed'))
    patchThrough(exports, { path: 'open().request' }, wrap('promised'))
    patchThrough(exports, { path: 'fail().request' }, wrap('x'))
    const handed = await new Promise((resolve) => exports.prepare('sql', (_error, session) => resolve(session)))
    expect(handed).toBe(made[1])
    expect(await exports.open('url')).toBe(made[0])
    made[0].request('/x')
    expect(calls).toEqual(['promised', 'handed'])
    expect(made.map((object) => originOf(object)?.args[0])).toEqual(['url', 'sql'])
    await expect(exports.fail()).rejects.toThrow('no')
    patchThrough(exports, { path: 'transaction(=>0).request' }, wrap('given'))
    exports.transaction((session) => (session as { request(path: string): unknown }).request('/x'))
    expect(calls).toContain('given')
  })

  it('reaches a method that each object has of its own', () => {
    const exports = { connect: () => ({ query: () => 'rows' }) }
    const { calls, wrap } = counting()
    patchThrough(exports, { path: 'connect().query' }, wrap('query'))
    expect([exports.connect().query(), exports.connect().query()]).toEqual(['rows', 'rows'])
    expect(calls).toEqual(['query', 'query'])
  })

  it('watches a function once for all definitions that lead through it', async () => {
    const { Session } = library()
    const exports: Record<string, AnyFunction> = { open: () => Promise.resolve(new Session()) }
    const { calls, wrap } = counting()
    patchThrough(exports, { path: 'open().request' }, wrap('a'))
    const watching = exports['open']
    patchThrough(exports, { path: 'open().request' }, wrap('b'))
    expect(exports['open']).toBe(watching)
    const session = (await exports['open']?.()) as { request(path: string): unknown }
    session.request('/x')
    expect(calls).toEqual(['b', 'a'])
  })

  it('says when the way itself is not there, and leaves results that are no objects alone', () => {
    const exports = { give: () => 3 }
    const { calls, wrap } = counting()
    expect(patchThrough(exports, { path: 'missing().request' }, wrap('x'))).toBe(0)
    expect(patchThrough(exports, { path: 'give().request' }, wrap('x'))).toBe(1)
    expect(exports.give()).toBe(3)
    expect(calls).toEqual([])
  })

  it('wraps a way once, however often the same definition comes', () => {
    const exports = library()
    const definition = { path: 'connect().request' }
    const { calls, wrap } = counting()
    patchThrough(exports, definition, wrap('request'))
    const wrapper = exports.connect
    patchThrough(exports, definition, wrap('request'))
    expect(exports.connect).toBe(wrapper)
    exports.connect('a').request('/x')
    expect(calls).toEqual(['request'])
  })
})
