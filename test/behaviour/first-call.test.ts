// What the agent makes for the first recorded call of a thread is not part of that call's time.
import { expect, it } from 'vitest'
import { record } from '../support/record.ts'
import { nodeVersion } from '../support/node-under-test.ts'

/** Notes when the module that sees errors (src/core/see-thrown.ts) was there. */
const WATCH = `
const { Instance } = WebAssembly
globalThis.made = []
WebAssembly.Instance = class extends Instance {
  constructor(...args) {
    super(...args)
    globalThis.made.push(Number(process.hrtime.bigint()))
  }
}
`

it.each([
  ['of a library', `http.createServer((_, response) => response.end()).listen(0, function () { http.get({ port: this.address().port, agent: false }, (response) => response.resume().on('end', () => { this.close(); print() })) })`], // prettier-ignore
  ['by hand', `span('first', () => print())`],
])('the first call %s begins when all is compiled', async (_what, call) => {
  const app = `
import http from 'node:http'
import { span } from '@perf/agent/api'
const print = () => console.log(JSON.stringify([globalThis.madeBefore.length, ...globalThis.made]))
globalThis.madeBefore = [...globalThis.made]
${call}
`
  const { stdout, spans } = await record({ app, files: { 'watch.cjs': WATCH }, nodeArgs: ['--require', './watch.cjs'] })
  const [madeBefore, ...made] = JSON.parse(stdout) as number[]
  expect(madeBefore, 'nothing is compiled before there is something to record').toBe(0)
  expect(made).toHaveLength(Number.parseInt(nodeVersion()) >= 22 ? 1 : 0)
  const first = Math.min(...spans.map((span) => span.startNs))
  for (const ns of made) expect(ns).toBeLessThanOrEqual(first)
})
