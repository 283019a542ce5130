import { types } from 'node:util'
import workerThreads from 'node:worker_threads'
import type { MessagePort as Port } from 'node:worker_threads'
import { currentSpan, runWith } from './context.ts'
import { guard } from './guard.ts'
import { hiddenState } from './hidden-state.ts'
import type { MessageLane, PortLanes, PortRegister } from './message-lane.ts'
import type { RemoteContext } from './recorder.ts'
import { disguise } from './disguise.ts'
import type { Runtime } from './runtime.ts'

const { MessagePort } = workerThreads
type AnyFunction = (...args: unknown[]) => unknown

/** Node hands every message to this method of the port, with three arguments; an app that emits or dispatches one itself gives others. */
const DISPATCH = Symbol.for('nodejs.internal.kHybridDispatch')
/** The ports that came with the message that is being handed over, in the order of its transfer list. */
const RECEIVED_PORTS = Symbol.for('nodejs.internal.kCurrentlyReceivingPorts')

/** What this thread knows of one of its ports. */
export interface CarriedPort {
  readonly port: Port
  readonly outgoing: MessageLane
  readonly incoming: MessageLane
  /** This end does the work: what it posts in the context of a message (an answer) belongs to that. The other end's handler of an answer may post
   * the next work of a queue, which belongs to somebody else. */
  readonly serves: boolean
  /** Shared by both ends: none of them has gone to another thread. What one part of a thread tells another has the context it has without us. */
  readonly channel: { isLocal: boolean }
  /** Whether messages first came or first went: work comes before its answer, answers come after their question. */
  firstWas: 'received' | 'posted' | undefined
  /** Messages that came and are not answered yet. */
  unanswered: number
  /** Of the only one of these, when it was taken from the port. */
  work: RemoteContext | undefined
}

const carried = hiddenState<CarriedPort>('carried-port')
/** Ports on which work was taken and not answered. */
const atWork = new Set<CarriedPort>()

const ACROSS = { isLocal: false }

/** The known port behind `port`. */
export function carriedPort(port: unknown): CarriedPort | undefined {
  return typeof port === 'object' && port !== null ? carried.get(port) : undefined
}

/** The span whose message this thread took from a port and has not answered: undefined when there is none, or more than one. */
export function takenWork(): RemoteContext | undefined {
  if (atWork.size !== 1) return undefined
  for (const { work } of atWork) return work
  return undefined
}

/** From now on messages over `port` carry their span, and those of the ports that travel with them. */
export function carryPort(
  port: Port,
  { outgoing, incoming }: PortLanes,
  end: { serves: boolean; channel?: { isLocal: boolean } },
  register: PortRegister,
  runtime: Runtime,
): void {
  const { serves, channel = ACROSS } = end
  const dispatch = (port as unknown as Record<symbol, unknown>)[DISPATCH]
  if (typeof dispatch !== 'function') return
  const known: CarriedPort = { port, outgoing, incoming, serves, channel, firstWas: undefined, unanswered: 0, work: undefined }
  carried.set(port, known)
  const { postMessage } = port as unknown as { postMessage: AnyFunction }
  own(
    port,
    'postMessage',
    disguise(postMessage, (self, args) =>
      self === port ? post(known, postMessage, args, register, runtime) : Reflect.apply(postMessage, self, args),
    ),
  )
  own(port, DISPATCH, function (this: unknown, ...args: unknown[]): unknown {
    const [, type, event] = args
    const isMessage = args.length === 3 && event === undefined && (type === 'message' || type === 'messageerror')
    if (!isMessage) return Reflect.apply(dispatch, this, args)
    const sender = guard('messages', () => {
      const ports = (port as unknown as Record<symbol, unknown>)[RECEIVED_PORTS]
      const from = received(known, Array.isArray(ports) ? (ports as unknown[]) : [], register, runtime)
      known.work = undefined
      atWork.delete(known)
      return from
    })
    if (sender === undefined || channel.isLocal || !runtime.recording) return Reflect.apply(dispatch, this, args)
    return runWith(runtime.recorder.elsewhere(sender), dispatch as AnyFunction, this, args)
  })
}

/** Counts a message that the app took from the port itself. There is no call to run in its context: what follows is known as the thread's work. */
export function takenFrom(known: CarriedPort, register: PortRegister, runtime: Runtime): void {
  const from = received(known, [], register, runtime)
  known.work = known.firstWas === 'received' && known.unanswered === 1 ? from : undefined
  if (known.work === undefined) atWork.delete(known)
  else atWork.add(known)
}

function received(known: CarriedPort, ports: readonly unknown[], register: PortRegister, runtime: Runtime): RemoteContext | undefined {
  known.firstWas ??= 'received'
  known.unanswered++
  const from = known.incoming.received()
  for (const [index, port] of ports.entries()) {
    const lanes = register.take(known.incoming, index)
    if (lanes !== undefined) carryPort(port as Port, lanes, { serves: true }, register, runtime)
  }
  return from
}

function post(known: CarriedPort, postMessage: AnyFunction, args: unknown[], register: PortRegister, runtime: Runtime): unknown {
  const { outgoing } = known
  guard('messages', () => {
    const current = runtime.recording ? currentSpan() : undefined
    const span = current?.isElsewhere === true && !known.serves ? undefined : current
    if (span === undefined && known.work !== undefined && runtime.recording) outgoing.sendingFrom(known.work)
    else outgoing.sending(span)
    for (const [index, transferred] of transferredPorts(args[1]).entries()) {
      const travelling = carriedPort(transferred)
      if (travelling === undefined) continue
      travelling.channel.isLocal = false
      register.put(outgoing, index, travelling)
    }
  })
  let isSent = false
  try {
    // What cannot be cloned throws, and is not sent.
    const result = Reflect.apply(postMessage, known.port, args)
    isSent = true
    return result
  } finally {
    if (isSent) answered(known)
    else guard('messages', () => register.forget(outgoing))
  }
}

function answered(known: CarriedPort): void {
  known.outgoing.sent()
  known.firstWas ??= 'posted'
  known.unanswered = Math.max(0, known.unanswered - 1)
  known.work = undefined
  atWork.delete(known)
}

/** The ports of a transfer list, in its order, as Node counts them on the other side; none where streams or handles bring ports of their own. */
function transferredPorts(given: unknown): unknown[] {
  const list: unknown = Array.isArray(given) ? given : (given as { transfer?: unknown } | null | undefined)?.transfer
  if (!Array.isArray(list) || list.length === 0) return []
  const items = list as unknown[]
  return items.every((item) => item instanceof MessagePort || types.isArrayBuffer(item))
    ? items.filter((item) => item instanceof MessagePort)
    : []
}

function own(object: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: false, configurable: true })
}
