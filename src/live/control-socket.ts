import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { choosePath } from './control-path.ts'

/** A line that a client sends. */
export interface ControlRequest {
  command: string
  [option: string]: unknown
}

/** Lines that come back: any number of `progress`, then one of the others. */
export type ControlReply = { type: 'progress'; text: string } | { type: 'done'; result: unknown } | { type: 'failed'; error: string }

/** Does what a request asks for; rejects with why not. */
export type ControlHandler = (request: ControlRequest, progress: (text: string) => void) => Promise<unknown>

const MAX_LINE_CHARS = 64 * 1024

/**
 * Listens for commands in the writer thread, so that they are heard also while the app's main thread is blocked. Only the user who runs
 * the app can connect (mode 0600). Gives a function that ends it; undefined where no socket can be made.
 */
export function listenForCommands(sessionDir: string, instance: string, handle: ControlHandler): (() => void) | undefined {
  try {
    const { address, pointer } = choosePath(sessionDir, instance)
    const server = net.createServer((socket) => serve(socket, handle))
    // A folder that takes no sockets: the app is recorded, commands are not heard.
    server.on('error', () => {})
    server.listen(address, () => {
      if (process.platform !== 'win32') fs.chmodSync(address, 0o600)
      if (pointer !== undefined) fs.writeFileSync(pointer, `${address}\n`, { mode: 0o600 })
    })
    return () => close(server, address, pointer)
  } catch {
    return undefined
  }
}

function close(server: net.Server, address: string, pointer: string | undefined): void {
  server.close()
  if (process.platform === 'win32') return
  fs.rmSync(address, { force: true })
  if (pointer === undefined) return
  fs.rmSync(pointer, { force: true })
  fs.rmSync(path.dirname(address), { recursive: true, force: true })
}

function serve(socket: net.Socket, handle: ControlHandler): void {
  let text = ''
  const send = (reply: ControlReply): void => {
    if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`)
  }
  socket.setEncoding('utf8')
  // Who goes away before the answer has lost interest; what was begun is finished.
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: string) => {
    text += chunk
    const end = text.indexOf('\n')
    if (end < 0 && text.length > MAX_LINE_CHARS) socket.destroy()
    if (end < 0) return
    const line = text.slice(0, end)
    text = text.slice(end + 1)
    void answer(line, handle, send).finally(() => socket.end())
  })
}

async function answer(line: string, handle: ControlHandler, send: (reply: ControlReply) => void): Promise<void> {
  try {
    const request = JSON.parse(line) as ControlRequest
    const result = await handle(request, (text) => send({ type: 'progress', text }))
    send({ type: 'done', result: result ?? null })
  } catch (error) {
    send({ type: 'failed', error: error instanceof Error ? error.message : String(error) })
  }
}
