import { MainInspector } from './main-inspector.ts'

/** What the main thread was doing. */
export interface BlockedStack {
  /** Frames as V8 writes them, innermost first; empty when no JavaScript was running. */
  stack: string
  /** 16 hex digits of the span whose code was running. */
  span: string | undefined
}

const SOURCE = 'perf-agent-stall'
const MAX_FRAMES = 50

// Runs in the main thread in the middle of whatever it does: nothing of the app may run in it (a formatter of stacks) or be seen changed after it.
const EXPRESSION = `(() => {
  const E = Error, own = (name) => Object.getOwnPropertyDescriptor(E, name), put = (name, value) => value === undefined ? delete E[name] : Object.defineProperty(E, name, value)
  const format = own('prepareStackTrace'), limit = own('stackTraceLimit')
  try {
    put('prepareStackTrace', { value: undefined, configurable: true, writable: true, enumerable: true })
    put('stackTraceLimit', { value: ${MAX_FRAMES}, configurable: true, writable: true, enumerable: true })
    return JSON.stringify([new E().stack, globalThis[Symbol.for('perf.agent.v1')]?.running?.()])
  } finally { put('prepareStackTrace', format); put('stackTraceLimit', limit) }
})()
//# sourceURL=${SOURCE}`

/** Looks into the main thread. Undefined when it did not answer within the time (in ms), as while it waits in a system call, or cannot be asked. */
export async function captureBlockedStack(
  answerWithinMs: number,
  onConnect: (connection: MainInspector) => void,
): Promise<BlockedStack | undefined> {
  const connection = MainInspector.connect()
  if (connection === undefined) return undefined
  onConnect(connection)
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), answerWithinMs)))
  try {
    const answer = connection.post<{ result?: { value?: unknown } }>('Runtime.evaluate', {
      expression: EXPRESSION,
      silent: true,
      returnByValue: true,
    })
    return parse((await Promise.race([answer, tooLate]))?.result?.value)
  } finally {
    clearTimeout(timer)
    connection.close()
  }
}

function parse(value: unknown): BlockedStack | undefined {
  if (typeof value !== 'string') return undefined
  const [stack, span] = JSON.parse(value) as [unknown, unknown]
  if (typeof stack !== 'string') return undefined
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line) && !line.includes(SOURCE))
  return { stack: frames.join('\n'), span: typeof span === 'string' && span !== '' ? span : undefined }
}
