import diagnosticsChannel from 'node:diagnostics_channel'
import Module from 'node:module'
import workerThreads from 'node:worker_threads'
import type { MessagePort, Worker } from 'node:worker_threads'
import { currentSpan, runWith } from '../src/core/context.ts'
import { guard } from '../src/core/guard.ts'
import { MessageLane, MESSAGE_TABLE_BYTES } from '../src/core/message-lane.ts'
import { disguise } from '../src/core/wrap.ts'
import type { Runtime } from '../src/core/wrap.ts'
import { isFirstPreload } from './preloads.ts'
import { isMainThread, parentPort, threadId } from './threads.ts'

// What a thread does with a message belongs to the span it was posted in. The message stays as it is: its number says which entry of a
// table that all threads share is its own, since messages between a worker and its parent arrive once each and in order. So both sides
// count every message, also those without a span. Counting is exact only where nobody posts before the agent is there.

type AnyFunction = (...args: unknown[]) => unknown

/** Node hands every message to this method of the port, with three arguments; an app that emits or dispatches one itself gives others. */
const DISPATCH = Symbol.for('nodejs.internal.kHybridDispatch')

/** The table all threads of a process share. */
export function newMessageTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(MESSAGE_TABLE_BYTES)
}

/** From now on messages between this thread and its worker threads, and its parent, carry their span. */
export function carryMessages(table: SharedArrayBuffer, runtime: Runtime, bootFile: string): void {
  if (!isFirstPreload(bootFile)) return
  diagnosticsChannel.subscribe('worker_threads', (message) => {
    guard('messages', () => {
      const { worker } = message as { worker: Worker }
      const symbol = Object.getOwnPropertySymbols(worker).find(({ description }) => description === 'kPublicPort')
      const port = symbol === undefined ? undefined : (worker as unknown as Record<symbol, unknown>)[symbol]
      if (!(port instanceof workerThreads.MessagePort)) return
      carry(port, new MessageLane(table, worker.threadId * 2), new MessageLane(table, worker.threadId * 2 + 1), runtime)
    })
  })
  if (isMainThread || parentPort === null) return
  const incoming = new MessageLane(table, threadId * 2)
  carry(parentPort, new MessageLane(table, threadId * 2 + 1), incoming, runtime)
  countTaken(parentPort, incoming)
}

function carry(port: MessagePort, outgoing: MessageLane, incoming: MessageLane, runtime: Runtime): void {
  const dispatch = (port as unknown as Record<symbol, unknown>)[DISPATCH]
  if (typeof dispatch !== 'function') return
  const { postMessage } = port as unknown as { postMessage: AnyFunction }
  const post = disguise(postMessage, (self, args) => {
    if (self !== port) return Reflect.apply(postMessage, self, args)
    guard('messages', () => outgoing.sending(runtime.recording ? currentSpan() : undefined))
    // What cannot be cloned throws, and is not sent.
    const result = Reflect.apply(postMessage, self, args)
    outgoing.sent()
    return result
  })
  const receive = function (this: unknown, ...args: unknown[]): unknown {
    const [, type, event] = args
    const isMessage = args.length === 3 && event === undefined && (type === 'message' || type === 'messageerror')
    const sender = isMessage ? guard('messages', () => incoming.received()) : undefined
    if (sender === undefined || !runtime.recording) return Reflect.apply(dispatch, this, args)
    return runWith(runtime.recorder.elsewhere(sender), dispatch as AnyFunction, this, args)
  }
  own(port, 'postMessage', post)
  own(port, DISPATCH, receive)
}

/** A message that is taken from the port instead of awaited has a number, too. Whoever takes it goes on in the context it has. */
function countTaken(port: MessagePort, incoming: MessageLane): void {
  const { receiveMessageOnPort } = workerThreads
  workerThreads.receiveMessageOnPort = disguise(receiveMessageOnPort as AnyFunction, (self, args) => {
    const taken = Reflect.apply(receiveMessageOnPort as AnyFunction, self, args)
    if (taken !== undefined && args[0] === port) guard('messages', () => incoming.received())
    return taken
  }) as typeof receiveMessageOnPort
  Module.syncBuiltinESMExports()
}

function own(object: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: false, configurable: true })
}
