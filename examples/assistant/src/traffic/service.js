// The process of the service, whatever command starts it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const START_TIMEOUT_MS = 30_000
const END_TIMEOUT_MS = 10_000

/**
 * Starts it and waits until it says where it listens. Its standard output is kept, its standard error shown.
 * @returns {Promise<{ url: string, output(): string, end(): Promise<string | undefined> }>}
 */
export async function startService([program, ...args], env) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))

  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(`The service did not start within ${START_TIMEOUT_MS / 1000} s.`), START_TIMEOUT_MS)
    const fail = (reason) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`${reason}\n${output}`))
    }
    exited.then(([code, signal]) => fail(`The service ended before it listened (${signal ?? code}).`), reject)
    child.stdout.on('data', () => {
      const found = /listening on (http:\/\/\S+)/.exec(output)
      if (!found) return
      clearTimeout(timer)
      resolve(found[1])
    })
  })

  /** Asks the service to close; gives what went wrong with that, if anything. */
  async function end() {
    await fetch(`${url}/admin/shutdown`, { method: 'POST' }).catch(() => child.kill('SIGTERM'))
    const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS)
    const [code, signal] = await exited
    clearTimeout(timer)
    if (signal === 'SIGKILL') return `the service did not close within ${END_TIMEOUT_MS / 1000} s`
    return code === 0 ? undefined : `the service ended with ${signal ?? `code ${code}`}`
  }

  return { url, output: () => output, end }
}
