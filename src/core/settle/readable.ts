import { replaceMethod, stepper, watchIterator } from './iterator.ts'
import { isAbortError } from './stream-meter.ts'
import type { StreamMeter } from './stream-meter.ts'

type AnyFunction = (...args: unknown[]) => unknown

/** True for a web ReadableStream. */
export function isWebReadable(value: object): value is ReadableStream {
  return typeof ReadableStream === 'function' && value instanceof ReadableStream
}

/** True for a Readable of `node:stream` or of the `readable-stream` package. */
export function isNodeReadable(value: object): value is NodeJS.ReadableStream {
  const { pipe, read, on, _readableState: state } = value as Record<'pipe' | 'read' | 'on' | '_readableState', unknown>
  return typeof pipe === 'function' && typeof read === 'function' && typeof on === 'function' && typeof state === 'object'
}

/**
 * Watches whoever reads a web stream through its public methods. Pipes take a stream apart inside Node, so they get one that gives
 * the same chunks, and asks for no more of them.
 */
export function watchWebReadable(meter: StreamMeter, stream: ReadableStream): boolean {
  const branch = countedBranch(meter)
  const wrap = (key: string | symbol, after: (result: unknown, locked: boolean) => unknown): boolean => {
    const original = Reflect.get(stream, key) as AnyFunction | undefined
    if (original === undefined) return false
    return replaceMethod(stream, key, function (this: unknown, ...args: unknown[]): unknown {
      const { locked } = stream
      return after(Reflect.apply(original, this, args), locked)
    })
  }
  const watched = wrap('getReader', (reader) => {
    watchReader(meter, reader as ReadableStreamDefaultReader, branch)
    return reader
  })
  if (!watched) return false
  for (const key of ['values', Symbol.asyncIterator]) {
    wrap(key, (iterator) => {
      watchIterator(meter, iterator as object, branch)
      return iterator
    })
  }
  wrap('cancel', (result, locked) => {
    if (!locked) meter.stopped()
    return result
  })
  wrap('tee', (branches) => {
    meter.branches++
    for (const part of branches as ReadableStream[]) watchWebReadable(meter, part)
    return branches
  })
  for (const key of ['pipeTo', 'pipeThrough'] as const) {
    const original = stream[key] as AnyFunction
    replaceMethod(stream, key, function (this: unknown, ...args: unknown[]): unknown {
      if (stream.locked || (args[1] as StreamPipeOptions | undefined)?.preventCancel === true) {
        return watchPiped(meter, Reflect.apply(original, this, args))
      }
      const relay = relayOf(meter, stream)
      meter.watchCollection(relay)
      return Reflect.apply(original, relay, args)
    })
  }
  meter.watchCollection(stream)
  return true
}

/** A pipe that leaves the stream to others when it is over (`preventCancel`) reads it itself. */
function watchPiped(meter: StreamMeter, result: unknown): unknown {
  if (result instanceof Promise) return result.then(() => meter.exhausted(), rethrowing(meter))
  if (typeof result === 'object' && result !== null && isWebReadable(result)) watchWebReadable(meter, result)
  return result
}

/** What `stream` gives, through a reader that is watched; nothing is read ahead. */
function relayOf(meter: StreamMeter, stream: ReadableStream): ReadableStream {
  const reader = stream.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel(reason) {
        if (isAbortError(reason)) meter.failed(reason)
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

function watchReader(meter: StreamMeter, reader: ReadableStreamDefaultReader, isNew: () => boolean): void {
  let isLeft = false
  replaceMethod(
    reader,
    'read',
    stepper(meter, reader.read as AnyFunction, isNew, () => isLeft),
  )
  const { cancel } = reader
  replaceMethod(reader, 'cancel', function (this: unknown, ...args: unknown[]): unknown {
    // A read that waits is answered as at the end of the stream.
    isLeft = true
    meter.stopped()
    return Reflect.apply(cancel, this, args)
  })
}

/** After a `tee()` both branches deliver every chunk; only the one that is ahead counts. */
function countedBranch(meter: StreamMeter): () => boolean {
  let seen = meter.chunks
  return () => ++seen > meter.chunks
}

function rethrowing(meter: StreamMeter): (error: unknown) => never {
  return (error) => {
    meter.failed(error)
    throw error
  }
}

/** Watches a Node stream by its events; no listener is added, so an unheard `error` stays unheard. */
export function watchNodeReadable(meter: StreamMeter, stream: NodeJS.ReadableStream): boolean {
  const { emit } = stream as NodeJS.ReadableStream & { emit: AnyFunction }
  const watched = replaceMethod(stream, 'emit', function (this: unknown, event: unknown, ...args: unknown[]): unknown {
    if (event === 'data') meter.got(args[0])
    else if (event === 'end') meter.exhausted()
    else if (event === 'error') meter.failed(args[0])
    else if (event === 'close') meter.stopped()
    return Reflect.apply(emit, this, [event, ...args])
  })
  if (watched) meter.watchCollection(stream)
  return watched
}
