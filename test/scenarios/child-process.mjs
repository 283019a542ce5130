// Programs that every machine has, and this one's own Node without a preload.
import child_process, { exec, execFile, execFileSync, execSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { span } from '@perf/agent/api'

const canary = process.env.CANARY ?? 'canary'
const env = { PATH: process.env.PATH, SECRET: canary }
const missingProgram = ['no', 'such', 'program'].join('-')
const failure = ({ code, status, signal, killed, message }) => ({
  code,
  status,
  signal,
  killed,
  message: message.split('\n')[0].replaceAll(canary, ''),
})

export async function spawned() {
  const child = spawn('true', [canary], { env })
  const keys = Object.keys(child).filter((key) => !key.startsWith('_'))
  return [await once(child, 'exit'), keys, Object.hasOwn(child, 'spawn'), child.listenerCount('exit'), child.spawnargs.length]
}
export async function failing() {
  return once(spawn('sh', ['-c', 'exit 3']), 'exit')
}
export async function missing() {
  const child = spawn(missingProgram, [canary])
  return once(child, 'exit').catch((error) => [failure(error), error.path, error.spawnargs?.length])
}
export async function killed() {
  const child = spawn('sleep', ['20'])
  await once(child, 'spawn')
  child.kill()
  return once(child, 'exit')
}
export async function signalled() {
  return once(exec('kill -9 $$'), 'exit')
}
export async function aborted() {
  const controller = new AbortController()
  const child = spawn('sleep', ['20'], { signal: controller.signal })
  const seen = once(child, 'exit').catch((error) => error.name)
  await once(child, 'spawn')
  controller.abort()
  return seen
}
export async function commands() {
  const { stdout } = await promisify(exec)(`TOKEN=${canary} echo said`)
  const file = await promisify(execFile)('/bin/echo', ['from a file'])
  const failed = await promisify(exec)('grep nothing /dev/null').catch(failure)
  return [stdout, file.stdout, failed]
}
export async function callbacks() {
  return new Promise((resolve) => execFile('echo', ['hi'], (error, stdout) => span('in callback', () => resolve([error, stdout]))))
}
export async function forked() {
  const child = child_process.fork('./nothing.mjs', { stdio: 'ignore', execArgv: [] })
  return (await once(child, 'exit'))[0]
}
export async function sync() {
  const { status, stdout, pid } = spawnSync('echo', ['sync', canary], { env })
  return [
    status,
    String(stdout).replace(canary, ''),
    typeof pid,
    String(execSync('echo a command')),
    String(execFileSync('echo', ['a file'])),
  ]
}
export async function syncFailing() {
  const thrown = (fn) => {
    try {
      return fn()
    } catch (error) {
      return failure(error)
    }
  }
  return [
    spawnSync('sh', ['-c', 'exit 4']).status,
    spawnSync(missingProgram).error.code,
    spawnSync('kill -9 $$', { shell: true }).signal,
    thrown(() => execSync('exit 5', { stdio: 'ignore' })),
    thrown(() => execFileSync(missingProgram)),
    thrown(() => spawnSync()),
    thrown(() => spawn('')),
  ]
}
export async function operation(i) {
  await sleep(i % 3)
  return once(spawn('true', [String(i)]), 'exit')
}
