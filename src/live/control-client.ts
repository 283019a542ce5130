import net from 'node:net'
import { PerfError } from '../errors.ts'
import type { ControlReply, ControlRequest } from './control-socket.ts'

/** Sends a command to a running process and gives its result. Throws `PerfError` when it is not there or says no. */
export async function sendCommand(address: string, request: ControlRequest, onProgress: (text: string) => void): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const socket = net.connect(address)
    let text = ''
    let isAnswered = false
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    socket.on('error', () => reject(new PerfError('NOT_RUNNING', 'The process is no longer there; commands need one that runs.')))
    socket.on('data', (chunk: string) => {
      text += chunk
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const reply = JSON.parse(text.slice(0, end)) as ControlReply
        text = text.slice(end + 1)
        if (reply.type === 'progress') onProgress(reply.text)
        else {
          isAnswered = true
          if (reply.type === 'done') resolve(reply.result)
          else reject(new PerfError('REFUSED', sentence(reply.error)))
        }
      }
    })
    socket.on('close', () => {
      if (!isAnswered) reject(new PerfError('NOT_RUNNING', 'The process ended before it was done.'))
    })
  })
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}
