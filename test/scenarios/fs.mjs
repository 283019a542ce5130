// Files in the folder of the program, and one outside of it.
import fs from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { span } from '@perf/agent/api'

const canary = process.env.CANARY ?? 'canary'
const folder = 'files'
const at = (name) => path.join(folder, name)
const outside = path.join(os.tmpdir(), `perf-fs-${process.pid}-${canary}`)
const failure = ({ code, syscall, path: file }) => ({ code, syscall, path: file })
const call = (fn) => new Promise((resolve) => fn((error, ...values) => resolve(error ? failure(error) : values.map(String))))

export async function setup() {
  fs.mkdirSync(folder)
  fs.writeFileSync(at('text.txt'), 'grün')
}
export async function teardown() {
  fs.rmSync(folder, { recursive: true })
  fs.rmSync(outside, { force: true })
}
export async function callbacks() {
  return [await call((done) => fs.writeFile(at('written.json'), '{}', done)), await call((done) => fs.readFile(at('written.json'), done))]
}
export async function promises() {
  await writeFile(at('promised'), Buffer.alloc(7))
  return [
    String(await readFile(at('text.txt'))),
    (await fs.promises.stat(at('promised'))).size,
    String(await promisify(fs.readFile)(at('text.txt'))),
  ]
}
export async function sync() {
  fs.appendFileSync(at('text.txt'), '!')
  return [fs.readFileSync(at('text.txt'), 'utf8'), fs.statSync(at('text.txt')).isFile(), fs.existsSync(at('none'))]
}
export async function missing() {
  return [await call((done) => fs.readFile(at('none'), done)), await readFile(at('none')).catch(failure)]
}
export async function elsewhere() {
  fs.writeFileSync(outside, canary)
  return fs.readFileSync(outside).length
}
export async function handle() {
  const file = await fs.promises.open(at('text.txt'))
  const text = String(await file.readFile())
  await file.close()
  return text
}
export async function invalid() {
  try {
    fs.readFileSync({})
  } catch (error) {
    return error.code
  }
}
export async function context() {
  return new Promise((resolve) => fs.stat(folder, () => span('in callback', () => resolve('done'))))
}
export async function operation(i) {
  await sleep(i % 3)
  return String(await readFile(at('promised')).catch(failure)).length
}
