// What is switched off loads nothing and does nothing in the app's thread.
import { expect, it } from 'vitest'
import { record } from '../support/record.ts'

// The writer thread itself, as every worker thread does, makes Node open process.stdout and stderr: their pipes are not looked at here.
const APP = `const watched = /^NativeModule (inspector|inspector\\/promises|perf_hooks|v8|trace_events)$/
const names = () => process.moduleLoadList.filter((name) => watched.test(name)).sort()
const { createHook } = process.getBuiltinModule('node:async_hooks')
let operations = 0
setTimeout(() => {
  createHook({ init() { operations++ } }).enable()
  setTimeout(() => console.log(JSON.stringify({ names: names(), operations, timers: process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap') })), 1500)
}, 500)
`

it.each(['esm', 'cjs'] as const)(
  'metrics and stall watch that are off load no module, begin nothing, and keep nothing (%s)',
  async (format) => {
    const env = { PERF_METRICS: 'off', PERF_STALLS: 'off' }
    const [bare, recorded] = [await record({ format, app: APP, agent: 'none' }), await record({ format, app: APP, env })]
    expect(recorded.stderr).toBe('')
    const read = (stdout: string) => JSON.parse(stdout) as { names: string[]; operations: number; timers: string[] }
    expect(read(recorded.stdout)).toEqual(read(bare.stdout))
  },
)

it('what is on keeps the app no longer alive, and adds no resource that it could see', async () => {
  const app = APP.replace('operations,', '')
  const [bare, recorded] = [await record({ app, agent: 'none' }), await record({ app })]
  const timers = (stdout: string) => (JSON.parse(stdout) as { timers: string[] }).timers
  expect(timers(recorded.stdout)).toEqual(timers(bare.stdout))
  expect([recorded.status, recorded.stderr]).toEqual([0, ''])
})
