import diagnosticsChannel from 'node:diagnostics_channel'
import Module from 'node:module'
import workerThreads from 'node:worker_threads'
import type { MessagePort, Worker } from 'node:worker_threads'
import { guard } from '../src/core/guard.ts'
import { MESSAGE_TABLE_BYTES, PortRegister } from '../src/core/message-lane.ts'
import { carriedPort, carryPort, takenFrom } from '../src/core/message-port.ts'
import { disguise } from '../src/core/disguise.ts'
import type { Runtime } from '../src/core/runtime.ts'
import { isFirstPreload } from './preloads.ts'
import { isMainThread, parentPort, threadId } from './threads.ts'

// What a thread does with a message belongs to the span it was posted in. The message stays as it is: its number says which entry of a
// table that all threads share is its own, since the messages of a port arrive once each and in order. So both sides count every message,
// also those without a span. Counting is exact only where nobody posts before the agent is there.

type AnyFunction = (...args: unknown[]) => unknown
type AnyConstructor = new (...args: unknown[]) => object

/** The table all threads of a process share. */
export function newMessageTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(MESSAGE_TABLE_BYTES)
}

/**
 * From now on messages of worker threads, of their parents and of the channels that go between them carry their span. The result is to be
 * called when the app loads `worker_threads`: channels may be made before the first thread.
 */
export function carryMessages(table: SharedArrayBuffer, runtime: Runtime, bootFile: string): () => void {
  if (!isFirstPreload(bootFile)) return () => {}
  const register = new PortRegister(table)
  let isWatching = false
  const watch = (): void => {
    if (isWatching) return
    isWatching = true
    guard('messages', () => watchChannels(register, runtime))
  }
  diagnosticsChannel.subscribe('worker_threads', (message) => {
    watch()
    guard('messages', () => {
      const { worker } = message as { worker: Worker }
      const symbol = Object.getOwnPropertySymbols(worker).find(({ description }) => description === 'kPublicPort')
      const port = symbol === undefined ? undefined : (worker as unknown as Record<symbol, unknown>)[symbol]
      if (port instanceof workerThreads.MessagePort)
        carryPort(port, register.ofThread(worker.threadId), { serves: false }, register, runtime)
    })
  })
  if (isMainThread || parentPort === null) return watch
  const { outgoing, incoming } = register.ofThread(threadId)
  carryPort(parentPort, { outgoing: incoming, incoming: outgoing }, { serves: true }, register, runtime)
  watch()
  return watch
}

/** Ports of channels that are made from now on, and messages that are taken from a port. */
function watchChannels(register: PortRegister, runtime: Runtime): void {
  const { MessageChannel: original, receiveMessageOnPort } = workerThreads
  const channel = constructing(original as unknown as AnyConstructor, (made) => {
    const { port1, port2 } = made as { port1: MessagePort; port2: MessagePort }
    const { outgoing, incoming } = register.ofChannel()
    const end = { serves: false, channel: { isLocal: true } }
    carryPort(port1, { outgoing, incoming }, end, register, runtime)
    carryPort(port2, { outgoing: incoming.otherEnd(), incoming: outgoing.otherEnd() }, end, register, runtime)
  })
  workerThreads.MessageChannel = channel as unknown as typeof original
  if ((globalThis.MessageChannel as unknown) === original)
    globalThis.MessageChannel = channel as unknown as typeof globalThis.MessageChannel
  workerThreads.receiveMessageOnPort = disguise(receiveMessageOnPort as AnyFunction, (self, args) => {
    const taken = Reflect.apply(receiveMessageOnPort as AnyFunction, self, args)
    const known = taken === undefined ? undefined : carriedPort(args[0])
    if (known !== undefined) guard('messages', () => takenFrom(known, register, runtime))
    return taken
  }) as typeof receiveMessageOnPort
  Module.syncBuiltinESMExports()
}

/** A class that makes what `original` makes and shows it to `made`; it is what its instances name as their constructor. */
function constructing(original: AnyConstructor, made: (object: object) => void): AnyConstructor {
  const wrapper = function (this: unknown, ...args: unknown[]): object {
    // Called without `new` it throws as the original does.
    const object =
      new.target === undefined
        ? (Reflect.apply(original as unknown as AnyFunction, this, args) as object)
        : (Reflect.construct(original, args, new.target === (wrapper as unknown) ? original : new.target) as object)
    guard('messages', () => made(object))
    return object
  }
  for (const key of ['name', 'length'] as const) Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(original, key) ?? {})
  wrapper.prototype = original.prototype as object
  Object.defineProperty(original.prototype, 'constructor', { value: wrapper, writable: true, enumerable: false, configurable: true })
  return wrapper as unknown as AnyConstructor
}
