import { sep } from 'node:path'
import { MainInspector } from './main-inspector.ts'

/** What the main thread was doing. */
export interface BlockedStack {
  /** Frames as V8 writes them, innermost first; empty when no JavaScript was running. */
  stack: string
  /** The frames above the app's own were the same for a while: what is called there blocks, and did not just happen to be on top. */
  isSteady: boolean
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

/** Time between two looks, in ms. */
const STEADY_MS = 40

/** Looks into the main thread. Undefined when it did not answer within the time (in ms), as while it waits in a system call, or cannot be asked. */
export async function captureBlockedStack(
  answerWithinMs: number,
  onConnect: (connection: MainInspector) => void,
): Promise<BlockedStack | undefined> {
  const connection = MainInspector.connect()
  if (connection === undefined) return undefined
  onConnect(connection)
  try {
    const askedMs = performance.now()
    const first = await look(connection, answerWithinMs)
    if (first === undefined || first.stack === '') return first
    // It answers when its system call returns, with that call on the stack.
    if (performance.now() - askedMs > STEADY_MS) return { ...first, isSteady: true }
    await new Promise((resolve) => setTimeout(resolve, STEADY_MS))
    const second = await look(connection, STEADY_MS)
    return { ...first, isSteady: second?.stack.split('\n')[0] === first.stack.split('\n')[0] }
  } finally {
    connection.close()
  }
}

async function look(connection: MainInspector, answerWithinMs: number): Promise<BlockedStack | undefined> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), answerWithinMs)))
  const answer = connection.post<{ result?: { value?: unknown } }>('Runtime.evaluate', {
    expression: EXPRESSION,
    silent: true,
    returnByValue: true,
  })
  try {
    return parse((await Promise.race([answer, tooLate]))?.result?.value)
  } finally {
    clearTimeout(timer)
  }
}

/** Where this code was built to; frames of the agent's preload there are nobody's business. */
const OWN_FOLDER = typeof __dirname === 'string' ? `${__dirname}${sep}` : undefined

const isOwn = (line: string): boolean => line.includes(SOURCE) || (OWN_FOLDER !== undefined && line.includes(OWN_FOLDER))

function parse(value: unknown): BlockedStack | undefined {
  if (typeof value !== 'string') return undefined
  const [stack, span] = JSON.parse(value) as [unknown, unknown]
  if (typeof stack !== 'string') return undefined
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line) && !isOwn(line))
  return { stack: frames.join('\n'), isSteady: false, span: typeof span === 'string' && span !== '' ? span : undefined }
}
